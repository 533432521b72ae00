import Foundation
import Testing

@testable import AgentCore

@Suite("The program watch")
struct ProgramTests {
    private func arguments(_ port: Int, _ more: String...) -> [String] {
        ["watch", "--no-discover", "--interval", "0.2", "--engine", "http://127.0.0.1:\(port)"] + more
    }
    private let quiet = ["GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]

    @Test("once, as plain lines: the values are those of the engine")
    func once() async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama", running: 3, waiting: 2)]) { _, port in
            let program = try BuiltProgram(arguments(port, "--once"), environment: quiet)
            #expect(await program.status() == 0)
            try await eventually("its output") { program.text.hasSuffix("\n") }
            #expect(!program.text.contains("\u{1B}"))
            #expect(program.text.contains("vLLM  127.0.0.1:\(port)"))
            #expect(program.text.contains("llama ") && program.text.contains("3+2") && program.text.contains("62%"))
        }
    }

    @Test("as JSON, which says the same as /metrics of an agent")
    func json() async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama", running: 3, waiting: 2)]) { _, port in
            let program = try BuiltProgram(arguments(port, "--once", "--json"), environment: quiet)
            #expect(await program.status() == 0)
            try await eventually("its output") { program.text.hasSuffix("\n") }
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let view = try decoder.decode(MachineView.self, from: Data(program.text.utf8))
            let model = try #require(view.servers.first?.models.first)
            let agent = try BuiltProgram(
                ["run", "--listen", "127.0.0.1:0", "--engine", "http://127.0.0.1:\(port)"],
                environment: quiet.merging(["GENAI_LOG_LEVEL": "error"]) { $1 }
            )
            let agentPort = try await agent.port()
            try await eventually("its first poll") { try await get("/readyz", port: agentPort).status == 200 }
            let page = try await get("/metrics", port: agentPort)
            #expect(page.values("gen_ai_server_requests_running", port) == [Double(model.running ?? -1)])
            #expect(page.values("gen_ai_server_requests_waiting", port) == [Double(model.waiting ?? -1)])
            #expect(page.values("gen_ai_server_kv_cache_usage", port) == [model.kvCachePercent ?? -1])
            agent.send(SIGTERM)
            #expect(await agent.status() == 0)
        }
    }

    @Test("a stream of lines ends when nobody reads it any more, and at Ctrl-C")
    func stream() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, port in
            let program = try BuiltProgram(arguments(port), environment: quiet)
            try await eventually("a look") { program.text.contains("vLLM") }
            program.send(SIGINT)
            #expect(await program.status() == 0)
        }
    }

    #if os(Linux)
    @Test("Ctrl-Z stops a stream of lines until the program goes on")
    func suspendedStream() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, port in
            let program = try BuiltProgram(arguments(port, "--json"), environment: quiet)
            try await eventually("a look") { program.text.contains("vllm") }
            program.send(SIGTSTP)
            try await eventually("it is stopped") { program.isStopped }
            let length = program.text.count
            program.send(SIGCONT)
            try await eventually("further looks") { program.text.count > length }
            program.send(SIGINT)
            #expect(await program.status() == 0)
        }
    }
    #endif

    @Test("signals end it while nobody reads its output", .timeLimit(.minutes(1)))
    func unreadPipe() async throws {
        let page = (0..<200).map { FakeServer.Answer.vLLM(model: "model-\($0)").text }.joined()
        try await FakeServer.with(["/metrics": .init(text: page)]) { _, port in
            let pipe = Pipe()
            let program = try BuiltProgram(arguments(port, "--json"), environment: quiet, output: pipe)
            try await eventually("the pipe is full") {
                var count: Int32 = 0
                _ = ioctl(pipe.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &count)
                return count > 60_000
            }
            program.send(SIGTERM)
            #expect(await program.status() == 0)
        }
    }

    @Test("signals end it while its terminal is stopped", .timeLimit(.minutes(1)), arguments: [SIGINT, SIGTERM])
    func stoppedTerminal(signal: Int32) async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama")]) { _, port in
            let terminal = try PseudoTerminal(columns: 80, rows: 24)
            let program = try BuiltProgram(arguments(port), environment: quiet, terminal: terminal)
            try await eventually("a frame with the model") { terminal.text.contains("llama") }
            terminal.stopOutput()
            program.send(signal)
            #expect(await program.status() == 0)
            #expect(terminal.isCooked)
        }
    }

    @Test("on a terminal: a screen of its own, given back at the end", arguments: ["q", "SIGINT", "SIGTERM", "SIGHUP"])
    func screen(end: String) async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama")]) { _, port in
            let terminal = try PseudoTerminal(columns: 80, rows: 24)
            let program = try BuiltProgram(arguments(port), environment: quiet, terminal: terminal)
            try await eventually("a frame with the model") { terminal.text.contains("llama") }
            #expect(terminal.text.hasPrefix(Terminal.begin))
            #expect(!terminal.isCooked)
            switch end {
            case "q": terminal.type("q")
            case "SIGINT": program.send(SIGINT)
            case "SIGTERM": program.send(SIGTERM)
            default: program.send(SIGHUP)
            }
            #expect(await program.status() == 0)
            try await eventually("the screen is given back") { terminal.text.hasSuffix(Terminal.end) }
            #expect(terminal.isCooked)
        }
    }

    @Test("a window that changes is drawn anew at once")
    func resize() async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama")]) { _, port in
            let terminal = try PseudoTerminal(columns: 80, rows: 24)
            let program = try BuiltProgram(arguments(port), environment: quiet, terminal: terminal)
            try await eventually("a frame with the model") { terminal.text.contains("llama") }
            terminal.resize(columns: 160, rows: 50)
            program.send(SIGWINCH)
            try await eventually("a wider frame") { terminal.text.contains("out/s, 1 min") }
            terminal.type("s")
            try await eventually("sorted by something else") { terminal.text.contains("sort: requests") }
            terminal.type("q")
            #expect(await program.status() == 0)
        }
    }

    @Test("Ctrl-Z gives the terminal back until the program goes on")
    func suspend() async throws {
        try await FakeServer.with(["/metrics": .vLLM(model: "llama")]) { _, port in
            let terminal = try PseudoTerminal(columns: 80, rows: 24)
            let program = try BuiltProgram(arguments(port), environment: quiet, terminal: terminal)
            try await eventually("a frame with the model") { terminal.text.contains("llama") }
            program.send(SIGTSTP)
            try await eventually("the screen is given back") {
                terminal.text.hasSuffix(Terminal.end) && terminal.isCooked
            }
            terminal.clear()
            program.send(SIGCONT)
            try await eventually("a screen again") {
                terminal.text.hasPrefix(Terminal.begin) && terminal.text.contains("llama")
            }
            #expect(!terminal.isCooked)
            terminal.type("q")
            #expect(await program.status() == 0)
        }
    }

    @Test(
        "a wrong command line ends with 64, and says why",
        arguments: [
            ["watch", "--engine", "ftp://x"], ["run", "--listen", "0.0.0.0:0"], ["run", "--listen", "nope"],
            ["run", "--targets-file", "/nowhere"], ["check", "nope"], ["watch", "--interval", "0"],
            ["watch", "--sort", "x"],
        ]
    )
    func usage(arguments: [String]) async throws {
        let program = try BuiltProgram(arguments, environment: ["AGENT_TOKEN": ""])
        #expect(await program.status() == 64)
    }

    @Test("a SIGHUP that comes before anybody can obey it ends nothing")
    func earlyHangup() async throws {
        let path = NSTemporaryDirectory() + "targets-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(mkfifo(path, 0o600) == 0)
        let program = try BuiltProgram(
            ["run", "--listen", "127.0.0.1:0", "--targets-file", path],
            environment: quiet.merging(["GENAI_LOG_LEVEL": "error"]) { $1 }
        )
        // It opens the file, and waits there for somebody who writes into it.
        var writer: Int32 = -1
        try await eventually("it reads its file of engines") {
            writer = open(path, O_WRONLY | O_NONBLOCK)
            return writer >= 0
        }
        program.send(SIGHUP)
        close(writer)
        _ = try await program.port()
        program.send(SIGTERM)
        #expect(await program.status() == 0)
    }

    @Test("check ends with 1 if nothing can be read")
    func checkStatus() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, port in
            let program = try BuiltProgram(["check", "127.0.0.1:\(port)"])
            #expect(await program.status() == 0)
        }
        let silent = try SilentServer()
        let program = try BuiltProgram(["check", "127.0.0.1:\(silent.port)"])
        #expect(await program.status() == 1)
    }
}
