import Foundation
import RuntimeSupport
import TestSupport
import Testing

@Suite("The last export of a process", .blocking)
struct ProcessExitTests {
    private func run(_ ending: String, endpoint: String) throws -> ChildProcess {
        try ChildProcess(
            builtProduct("ExitProbe"),
            [ending],
            environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]
        )
    }

    /// Runs the probe to its end; with `terminate`, once it is ready to be asked to end.
    private func runToEnd(_ ending: String, endpoint: String, limit: Duration) throws {
        let process = try run(ending, endpoint: endpoint)
        defer { process.stop() }
        if ending == "terminate" {
            #expect(process.waitForLine(containing: "ready") != nil)
            kill(process.pid, SIGTERM)
        }
        #expect(process.waitForEnd(limit))
        #expect(process.exitStatus == 0)
    }

    @Test("every normal end delivers the last values", arguments: ["return", "exit", "terminate"])
    func delivered(ending: String) throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        try runToEnd(ending, endpoint: server.url, limit: .seconds(30))
        #expect(server.requests.count == 1)
        #expect(
            server.requests.first.map { String(decoding: $0.body, as: UTF8.self) }?.contains(#""asInt":"7""#) == true
        )
    }

    @Test("a collector that hangs or refuses does not hold the process", arguments: ["return", "exit", "terminate"])
    func deadCollector(ending: String) throws {
        let refused = try LoopbackServer(always: .close)
        refused.stop()
        let hanging = try LoopbackServer(always: .hang)
        defer { hanging.stop() }
        for server in [refused, hanging] {
            // An export would go on for ten seconds. How long it really takes is measured, not tested.
            try runToEnd(ending, endpoint: server.url, limit: .seconds(8))
        }
    }
}
