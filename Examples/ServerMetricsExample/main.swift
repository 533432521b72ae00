// Simulates a small LLM server for half a minute and exports its metrics.
//
// To the console, or to OTEL_EXPORTER_OTLP_ENDPOINT if that is set.

import Foundation
import GenAIOtel

let environment = ProcessInfo.processInfo.environment
let endpoint = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    .first { environment[$0]?.isEmpty == false }

var configuration = GenAIConfiguration()
if environment["OTEL_SERVICE_NAME"] == nil { configuration.serviceName = "server-metrics-example" }
if environment["OTEL_METRICS_EXPORTER"] == nil, endpoint == nil { configuration.exporters = [.console] }
if environment["OTEL_METRIC_EXPORT_INTERVAL"] == nil { configuration.exportInterval = .seconds(10) }
// Its lines would come between those of the table.
if environment["GENAI_LOG_LEVEL"] == nil, environment["OTEL_LOG_LEVEL"] == nil { configuration.logLevel = .warning }

// The table and the console share the screen. So the console is written to when the loop below asks for it, not by a thread
// at its own time: a flush returns when everything has been printed.
let exportInterval = configuration.exportInterval
let flushesItself = configuration.exporters.contains(.console)
if flushesItself { configuration.exportInterval = .seconds(86_400) }

let instrumentation = instrument(configuration)
let metrics = instrumentation.serverMetrics
metrics.setRequestsMax(SimulatedServer.capacity)

// Ctrl-C and a service manager's SIGTERM end the loop below, so that the last values are still exported.
let isInterrupted = Interruption()
var server = SimulatedServer()
var table = LiveTable()
let end = ContinuousClock.now + .seconds(30)
var nextFlush = ContinuousClock.now + exportInterval

while ContinuousClock.now < end, !isInterrupted.wait(.milliseconds(100)) {
    server.tick(metrics)
    let now = ContinuousClock.now
    table.show(metrics, secondsLeft: Int(now.duration(to: end).components.seconds) + 1)
    // The last values are exported by the shutdown.
    if flushesItself, now >= nextFlush, nextFlush < end {
        nextFlush += exportInterval
        table.clear()
        instrumentation.forceFlush(timeout: .seconds(1))
    }
}

if flushesItself { table.clear() }
let isDelivered = instrumentation.shutdown(timeout: .seconds(5))
let statistics = instrumentation.exportStatistics
let places = configuration.exporters.map { $0 == .otlp ? "the OTLP endpoint" : "the console" }

func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }

print(
    """

    \(count(server.served, "request")) served. Exported \(count(statistics.pointsDelivered, "point")) in \
    \(count(statistics.exportsDelivered, "export")) to \(places.isEmpty ? "nowhere" : places.joined(separator: " and ")); \
    \(count(statistics.exportsFailed, "export")) failed.
    """
)
exit(isDelivered ? 0 : 1)
