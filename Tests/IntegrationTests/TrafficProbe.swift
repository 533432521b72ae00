// A small LLM server in a process of its own, driven by tests.

import Foundation
import TestSupport
import Testing

/// A running `TrafficProbe`: see its routes for what it can be told.
struct TrafficProbe {
    let process: ChildProcess
    let port: Int

    /// - Parameters:
    ///   - endpoint: where it exports to: an OTLP endpoint for metrics, every fifth of a second. Without, it does not export.
    ///   - resource: more attributes of its resource.
    ///   - engines: what it polls, ten times a second.
    ///   - gpus: the library through which it reads GPUs, ten times a second.
    ///   - more: other variables of its environment.
    init(
        service: String = "llm-server",
        exportingTo endpoint: String? = nil,
        resource: String = "",
        polling engines: SimulatedEngines? = nil,
        gpus: FakeNVML? = nil,
        environment more: [String: String] = [:]
    ) throws {
        var environment = [
            "OTEL_SERVICE_NAME": service, "OTEL_RESOURCE_ATTRIBUTES": resource,
            "OTEL_METRICS_EXPORTER": endpoint == nil ? "none" : "otlp",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint ?? "", "OTEL_METRIC_EXPORT_INTERVAL": "200",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "\(engines != nil)", "SWIFT_BACKTRACE": "enable=no",
        ]
        if let gpus {
            environment["LD_LIBRARY_PATH"] = gpus.folder
            environment["GENAI_GPU_COLLECTION_INTERVAL"] = "0.1"
        }
        environment.merge(engines?.environment ?? [:]) { $1 }
        environment.merge(more) { $1 }
        process = try ChildProcess(builtProduct("TrafficProbe"), environment: environment)
        let line = try #require(process.waitForLine(containing: "listening on "), "\(process.lines)")
        port = try #require(line.split(separator: " ").last.flatMap { Int($0) })
    }

    /// What Prometheus scrapes.
    var target: String { "127.0.0.1:\(port)" }

    func setGauges(_ query: String) throws {
        #expect(try loopbackRequest("POST", "http://\(target)/gauges?\(query)").status == 204)
    }

    func serveRequests(succeeded: Int, failed: Int = 0, error: String = "Overloaded") throws {
        let query = "model=llama&succeeded=\(succeeded)&failed=\(failed)&error=\(error)"
        #expect(try loopbackRequest("POST", "http://\(target)/requests?\(query)").status == 204)
    }

    func stop() { process.stop() }

    /// Ends it in a way that leaves it no time for a last export.
    func killAtOnce() {
        kill(process.pid, SIGKILL)
        process.stop()
    }
}
