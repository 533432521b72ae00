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

    @Test("a normal end delivers the last values", arguments: ["return", "exit"])
    func delivered(ending: String) throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let process = try run(ending, endpoint: server.url)
        defer { process.stop() }
        #expect(process.waitForEnd(.seconds(30)))
        #expect(server.requests.count == 1)
        #expect(
            server.requests.first.map { String(decoding: $0.body, as: UTF8.self) }?.contains(#""asInt":"7""#) == true
        )
    }

    @Test("a handled SIGTERM delivers the last values")
    func terminated() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let process = try run("terminate", endpoint: server.url)
        defer { process.stop() }
        #expect(process.waitForLine(containing: "ready") != nil)
        kill(process.pid, SIGTERM)
        #expect(process.waitForEnd(.seconds(30)))
        #expect(server.requests.count == 1)
    }

    @Test("a collector that hangs or refuses does not hold the process", arguments: ["return", "exit"])
    func deadCollector(ending: String) throws {
        let refused = try LoopbackServer(always: .close)
        refused.stop()
        let hanging = try LoopbackServer(always: .hang)
        defer { hanging.stop() }
        for server in [refused, hanging] {
            let process = try run(ending, endpoint: server.url)
            defer { process.stop() }
            // An export would go on for ten seconds. How long it really takes is measured, not tested.
            #expect(process.waitForEnd(.seconds(8)))
        }
    }
}
