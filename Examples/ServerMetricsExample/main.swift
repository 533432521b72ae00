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

let instrumentation = instrument(configuration)
let metrics = instrumentation.serverMetrics
metrics.setRequestsMax(SimulatedServer.capacity)

// Ctrl-C and a service manager's SIGTERM end the loop below, so that the last values are still exported.
let isInterrupted = Interruption()
var server = SimulatedServer()
var table = LiveTable()
let end = ContinuousClock.now + .seconds(30)

while ContinuousClock.now < end, !isInterrupted.wait(.milliseconds(100)) {
    server.tick(metrics)
    let left = ContinuousClock.now.duration(to: end).components.seconds
    let exports = instrumentation.exportStatistics.exportsDelivered
    table.show(metrics, exports: exports, secondsLeft: Int(left) + 1)
}

let isDelivered = instrumentation.shutdown(timeout: .seconds(5))
let statistics = instrumentation.exportStatistics
let places = configuration.exporters.map { $0 == .otlp ? "the OTLP endpoint" : "the console" }
print(
    """

    \(server.served) requests served. Exported \(statistics.pointsDelivered) points in \
    \(statistics.exportsDelivered) exports to \(places.isEmpty ? "nowhere" : places.joined(separator: " and ")); \
    \(statistics.exportsFailed) exports failed.
    """
)
exit(isDelivered ? 0 : 1)
