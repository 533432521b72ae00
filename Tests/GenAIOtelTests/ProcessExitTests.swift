import Foundation
import GenAISupport
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
        let hanging = try LoopbackServer(always: .hang)
        defer { hanging.stop() }
        for endpoint in [RefusedPort.url, hanging.url] {
            // An export would go on for ten seconds. How long it really takes is measured, not tested.
            try runToEnd(ending, endpoint: endpoint, limit: .seconds(8))
        }
    }

    @Test("a process may end in its first moments, while its threads are just making libraries ready")
    func endInTheFirstMoments() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        // OpenSSL takes some milliseconds, and must not be cleaned up by the exit meanwhile.
        for delay in stride(from: 0, to: 6_000, by: 200) {
            let process = try ChildProcess(
                builtProduct("ExitProbe"),
                ["return", "\(delay)"],
                environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OLLAMA_BASE_URL": server.url]
            )
            defer { process.stop() }
            #expect(process.waitForEnd(.seconds(30)))
            #expect(process.exitStatus == 0, "after \(delay) microseconds")
        }
    }

    @Test("two threads that end the process at once deliver the last values too")
    func endTwice() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        for round in 1...10 {
            try runToEnd("two-exits", endpoint: server.url, limit: .seconds(30))
            #expect(server.requests.count == round)
        }
    }

    #if os(Linux)
    @Test("where no file can be opened, the process goes on, and Ollama is asked later")
    func withoutDescriptors() throws {
        let process = try ChildProcess(
            builtProduct("ExitProbe"),
            ["without-descriptors"],
            environment: ["OLLAMA_BASE_URL": "http://127.0.0.1:9", "OTEL_METRICS_EXPORTER": "none"]
        )
        defer { process.stop() }
        #expect(process.waitForLine(containing: "no file descriptors left") != nil, "\(process.lines)")
        #expect(process.isRunning)
    }

    @Test("where the system starts no more threads, the process goes on without metrics")
    func withoutThreads() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let process = try ChildProcess(
            builtProduct("ExitProbe"),
            ["without-threads"],
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OLLAMA_BASE_URL": server.url,
                "GENAI_SERVER_METRICS_TARGETS": "\(server.url)/metrics",
            ]
        )
        defer { process.stop() }
        #expect(process.waitForEnd(.seconds(30)))
        #expect(process.exitStatus == 0)
        for what in ["Metrics are not exported", "Ollama is not polled", "Not all engines are polled"] {
            #expect(process.waitForLine(containing: "\(what): the system can't start another thread") != nil)
        }
        #expect(server.requests.isEmpty)
    }
    #endif

    @Test("a standard error that nobody reads any more does not end the process")
    func closedStandardError() throws {
        // The warning that the last values could not be delivered goes into a pipe whose other end is closed.
        let script = "exec 3>&1; { \"$0\" return 2>&1 1>&3; echo \"status $?\" >&3; } | :"
        let process = try ChildProcess(
            "/bin/sh",
            ["-c", script, builtProduct("ExitProbe")],
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": RefusedPort.url, "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
            ]
        )
        defer { process.stop() }
        #expect(process.waitForLine(containing: "status") == "status 0")
        #expect(process.waitForEnd(.seconds(10)))
    }
}
