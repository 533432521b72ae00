// A real OpenTelemetry Collector as a child process.

import Foundation
import TestSupport
import Testing

/// A running OpenTelemetry Collector that prints what it receives.
struct Collector {
    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    /// - Parameter destination: an OTLP endpoint for metrics that it sends everything on to.
    init(forwardingTo destination: String? = nil) throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        let forward = destination.map { "otlphttp: {metrics_endpoint: \"\($0)\", tls: {insecure: true}}" } ?? ""
        let exporters = destination == nil ? "debug" : "debug, otlphttp"
        let configuration = try folder.write(
            """
            receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:\(port)"}}}}
            exporters:
              debug: {verbosity: detailed}
              \(forward)
            service:
              telemetry: {metrics: {level: none}}
              pipelines: {metrics: {receivers: [otlp], exporters: [\(exporters)]}}
            """,
            to: "config.yml"
        )
        process = try ChildProcess(Program.collector.requirePath(), ["--config", "file:\(configuration)"])
        url = "http://127.0.0.1:\(port)"
        try #require(process.waitForPort(port), "\(process.lines)")
    }

    /// A Collector with the documented configuration of a gateway.
    ///
    /// - Parameter metricsPort: where it shows its own metrics.
    static func gateway(to destination: String, metricsPort: Int? = nil) throws -> Collector {
        try Collector(
            file: Documentation.path("collector/gateway.yml"),
            environment: [
                "PROMETHEUS_OTLP_ENDPOINT": destination, "METRICS_HOST": "127.0.0.1",
                "METRICS_PORT": "\(metricsPort ?? freePort())",
            ]
        )
    }

    /// - Parameters:
    ///   - file: a configuration that takes the address to listen at from `OTLP_LISTEN`.
    ///   - environment: what else the configuration takes from there.
    init(file: String, environment: [String: String]) throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        var environment = environment
        environment["OTLP_LISTEN"] = "127.0.0.1:\(port)"
        process = try ChildProcess(
            Program.collector.requirePath(),
            ["--config", "file:\(file)"],
            environment: environment
        )
        url = "http://127.0.0.1:\(port)"
        try #require(process.waitForPort(port), "\(process.lines)")
    }
}
