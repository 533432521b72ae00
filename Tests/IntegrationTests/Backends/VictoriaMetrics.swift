// A real VictoriaMetrics as a child process.

import Foundation
import TestSupport
import Testing

/// A running VictoriaMetrics that takes OTLP, with the documented relabelling.
struct VictoriaMetrics: PromQLServer {
    let process: ChildProcess
    let url: String
    private let folder: TemporaryFolder

    init() throws {
        let port = try freePort()
        folder = try TemporaryFolder()
        process = try ChildProcess(
            Program.victoriaMetrics.requirePath(),
            [
                "-httpListenAddr=127.0.0.1:\(port)", "-storageDataPath=\(folder.path)/data",
                "-opentelemetry.usePrometheusNaming",
                "-relabelConfig=\(Documentation.path("victoria-metrics/relabel.yml"))",
                // Points are to be seen at once, not after half a minute.
                "-search.latencyOffset=1ms", "-search.disableCache", "-loggerLevel=WARN",
            ]
        )
        url = "http://127.0.0.1:\(port)"
        try #require(process.waitForPort(port), "\(process.lines)")
    }

    var otlpEndpoint: String { "\(url)/opentelemetry/v1/metrics" }

    /// Makes what has arrived visible.
    func flush() throws { _ = try get("/internal/force_flush") }
}
