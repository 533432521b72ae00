import Foundation
import GenAIOtel
import LivePage
import Logging
import Testing

@testable import AgentCore

/// What runs in this process is one at a time: `instrument()` is one for the process.
@Suite("The agent", .serialized)
struct AgentTests {
    private static let quiet = [
        "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_ENABLE_GPU_METRICS": "false", "GENAI_LOG_LEVEL": "error",
        "GENAI_SERVER_METRICS_INTERVAL": "0.02",
    ]

    /// Runs an agent on a port of its own while the body runs.
    private func withAgent(
        _ options: AgentOptions,
        environment: [String: String] = [:],
        logger: Logger = .silent,
        _ body: (_ agent: Agent, _ port: Int) async throws -> Void
    ) async throws {
        var options = options
        options.listen = ListenAddress(host: "127.0.0.1", port: 0)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let agent = try Agent(
            options,
            environment: Self.quiet.merging(environment) { $1 },
            signals: [],
            logger: logger,
            onListening: { continuation.yield($0.port) }
        )
        let running = Task { try await agent.run() }
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(agent, port)) } catch { result = .failure(error) }
        await agent.services.triggerGracefulShutdown()
        try await running.value
        try result.get()
    }

    private func options(_ ports: Int...) -> AgentOptions {
        var options = AgentOptions()
        options.engines = ports.map { "http://127.0.0.1:\($0)" }
        return options
    }

    @Test("serves what it polls, as text and as OpenMetrics, and says how it is")
    func serves() async throws {
        try await FakeServer.with(["/metrics": .vLLM(running: 3)]) { _, engine in
            try await withAgent(options(engine)) { _, port in
                try await eventually("the first poll") { try await get("/readyz", port: port).status == 200 }
                #expect(try await get("/healthz", port: port).status == 200)
                let page = try await get("/metrics", port: port)
                #expect(page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(page.text.contains(#"engine="vllm""#) && page.text.contains(#"service_name="genai-agent""#))
                #expect(page.values("gen_ai_server_requests_running", engine) == [3])
                let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
                let openMetrics = try await get("/metrics", port: port, headers: ["Accept": accept])
                #expect(
                    openMetrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
                )
                #expect(openMetrics.text.hasSuffix("# EOF\n"))
                #expect(openMetrics.values("gen_ai_server_requests_running", engine) == [3])
                #expect(try await get("/elsewhere", port: port).status == 404)
            }
        }
    }

    @Test("is not ready before what it was told to poll has answered")
    func notReady() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, engine in
            // One that takes its time: it accepts connections, and says nothing.
            let silent = try SilentServer()
            try await withAgent(options(engine, silent.port)) { _, port in
                let answer = try await get("/readyz", port: port)
                #expect(answer.status == 503 && answer.text.contains("first poll"))
                #expect(try await get("/healthz", port: port).status == 200)
            }
        }
    }

    @Test("is ready once everybody has answered who is polled, however often they are named")
    func readyWithTwins() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, engine in
            try await withAgent(options(engine, engine)) { agent, port in
                try await eventually("the first poll") { agent.instrumentation.serverMetrics.readings.count == 1 }
                #expect(try await get("/readyz", port: port).status == 200)
            }
        }
    }

    @Test("with a token, whoever has none reads nothing but that it is alive")
    func token() async throws {
        try await withAgent(AgentOptions(), environment: ["AGENT_TOKEN": "s3cret"]) { _, port in
            let refused = try await get("/metrics", port: port)
            #expect(refused.status == 401 && refused.headers["www-authenticate"] == #"Bearer realm="genai-agent""#)
            #expect(!refused.text.contains("gen_ai"))
            #expect(try await get("/metrics", port: port, headers: ["Authorization": "Bearer other"]).status == 401)
            #expect(try await get("/metrics", port: port, headers: ["Authorization": "Bearer s3cret"]).status == 200)
            #expect(try await get("/healthz", port: port).status == 200)
        }
    }

    @Test("the page's files are there, whole, may load nothing from elsewhere, and need no token")
    func page() async throws {
        try await withAgent(AgentOptions(), environment: ["AGENT_TOKEN": "s3cret"]) { _, port in
            #expect(Set(PageFile.all.map(\.path)).count == PageFile.all.count && PageFile.all.count == 9)
            for file in PageFile.all {
                let answer = try await get(file.path, port: port)
                #expect(answer.status == 200 && answer.headers["content-type"] == file.contentType)
                #expect(Array(answer.text.utf8) == file.bytes)
                #expect(answer.headers["content-security-policy"]?.hasPrefix("default-src 'none';") == true)
            }
        }
    }

    @Test(
        "a connection on which nothing moves is closed",
        arguments: ["", "GET / HT", "GET /healthz HTTP/1.1\r\n\r\n"]
    )
    func idle(request: String) async throws {
        var options = AgentOptions()
        options.limits.idleTime = .milliseconds(50)
        try await withAgent(options) { _, port in
            let connection = try LoopbackConnection(port: port)
            try await onThread {
                if !request.isEmpty { try connection.send(request) }
                while try connection.receive() != nil {}
            }
        }
    }

    @Test("beyond so many connections, the next waits until one is closed")
    func connections() async throws {
        var options = AgentOptions()
        options.limits.connections = 1
        try await withAgent(options) { _, port in
            let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            var first: LoopbackConnection? = try LoopbackConnection(port: port)
            let answer = try await onThread { [first] in
                try first?.send(request)
                return try first?.receive()
            }
            #expect(answer != nil)
            let second = try LoopbackConnection(port: port)
            second.setLimit(.milliseconds(200))
            await #expect(throws: (any Error).self) {
                try await onThread {
                    try second.send(request)
                    return try second.receive()
                }
            }
            second.setLimit(.seconds(10))
            first = nil
            #expect(try await onThread { try second.receive() } != nil)
        }
    }

    @Test("a client that does not read its answers does not keep its connection")
    func unread() async throws {
        var options = AgentOptions()
        options.limits.idleTime = .milliseconds(50)
        options.limits.connections = 1
        try await withAgent(options) { _, port in
            let stuck = try LoopbackConnection(port: port)
            try await onThread { stuck.askWithoutReading("/chart.js") }
            #expect(try await get("/healthz", port: port).status == 200)
            withExtendedLifetime(stuck) {}
        }
    }

    @Test("SIGTERM waits for no client, and the last values are delivered")
    func endWithClients() async throws {
        try await FakeServer.with(["/v1/metrics": .json("{}")]) { collector, collectorPort in
            let program = try BuiltProgram(
                ["run", "--listen", "127.0.0.1:0"],
                environment: Self.quiet.merging(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collectorPort)"]
                ) { $1 }
            )
            let port = try await program.port()
            let (idle, stuck) = (try LoopbackConnection(port: port), try LoopbackConnection(port: port))
            try await onThread { stuck.askWithoutReading("/chart.js") }
            let start = ContinuousClock.now
            program.send(SIGTERM)
            #expect(await program.status() == 0)
            #expect(start.duration(to: .now) < .seconds(10))
            #expect(!collector.posted.isEmpty)
            withExtendedLifetime((idle, stuck)) {}
        }
    }

    @Test("a file that changes a hundred times: who stays in it has no gap and no reset")
    func reloads() async throws {
        let path = NSTemporaryDirectory() + "targets-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func write(_ ports: [Int]) throws {
            let lines = ports.map { "http://127.0.0.1:\($0)\n" }.joined()
            try Data(lines.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        }
        try await FakeServer.with(["/metrics": .vLLM(tokens: 1_000)]) { stays, stayPort in
            try await FakeServer.with(["/metrics": .vLLM(model: "other")]) { comes, otherPort in
                try write([stayPort])
                var options = AgentOptions()
                options.targetsFile = path
                try await withAgent(options) { agent, port in
                    try await eventually("the first poll") {
                        try await !get("/metrics", port: port).values("gen_ai_server_up", stayPort).isEmpty
                    }
                    var last = 0.0
                    for round in 1...100 {
                        stays.set("/metrics", .vLLM(tokens: 1_000 + round))
                        try write(round % 2 == 1 ? [otherPort, stayPort] : [stayPort])
                        agent.reload.reload()
                        let page = try await get("/metrics", port: port)
                        #expect(page.values("gen_ai_server_up", stayPort) == [1])
                        let tokens = try #require(page.values("gen_ai_server_tokens_total", stayPort, "output").first)
                        #expect(tokens >= last)
                        last = tokens
                        if round % 2 == 0 { #expect(page.values("gen_ai_server_up", otherPort).isEmpty) }
                    }
                    // Nobody knows since when the first thousand were counted.
                    try await eventually("what it has counted since the first poll") {
                        try await get("/metrics", port: port).values("gen_ai_server_tokens_total", stayPort, "output")
                            == [100]
                    }
                    #expect(comes.count("/metrics") > 0)
                    try Data("[".utf8).write(to: URL(fileURLWithPath: path))
                    agent.reload.reload()
                    #expect(agent.targets.current.count == 1, "a file that can't be read changes nothing")
                }
            }
        }
    }

    @Test("what a file has that is no URL is logged at the start, and shown by watch")
    func problemsAtStart() async throws {
        let path = NSTemporaryDirectory() + "targets-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("127.0.0.1:1\nftp://b\n".utf8).write(to: URL(fileURLWithPath: path))
        let lines = Locked<[String]>([])
        var options = AgentOptions()
        options.targetsFile = path
        try await withAgent(options, logger: .recording(lines)) { _, _ in
            #expect(lines.withLock { $0 }.contains { $0.contains("File of targets: Line 2 is no http or https URL") })
        }
        var watched = WatchOptions()
        watched.targetsFile = path
        let view = try Watcher(watched, environment: Self.quiet).view
        #expect(view.problems.map { $0.contains("Line 2") } == [true])
    }

    @Test("an address that is taken is named, and what to do about it")
    func takenAddress() async throws {
        let other = try SilentServer()
        var options = AgentOptions()
        options.listen = ListenAddress(host: "127.0.0.1", port: other.port)
        let agent = try Agent(options, environment: Self.quiet, signals: [], logger: .silent) { _ in }
        await #expect(throws: UsageProblem("127.0.0.1:\(other.port) is taken: choose another one with --listen")) {
            try await agent.run()
        }
    }

    @Test("its version is the library's, and that nothing is polled is said")
    func version() async throws {
        let lines = Locked<[String]>([])
        try await withAgent(AgentOptions(), logger: .recording(lines)) { _, port in
            #expect(lines.withLock { $0 }.contains { $0.contains("No engine is named; --discover looks for engines") })
            let program = try BuiltProgram(["--version"])
            #expect(await program.status() == 0)
            try await eventually("its output") { program.text.hasSuffix("\n") }
            let version = program.text.trimmingCharacters(in: .whitespacesAndNewlines)
            let page = try await get("/metrics", port: port)
            #expect(page.text.contains("telemetry_distro_version=\"\(version)\""))
        }
    }

    @Test("SIGHUP reads the file again; SIGTERM delivers the last values and ends with 0")
    func signals() async throws {
        let path = NSTemporaryDirectory() + "targets-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data().write(to: URL(fileURLWithPath: path))
        try await FakeServer.with(["/v1/metrics": .json("{}")]) { collector, collectorPort in
            try await FakeServer.with(["/metrics": .vLLM(model: "found-later")]) { engine, enginePort in
                let program = try BuiltProgram(
                    ["run", "--listen", "127.0.0.1:0", "--targets-file", path],
                    environment: Self.quiet.merging(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collectorPort)"]
                    ) { $1 }
                )
                let port = try await program.port()
                try Data("127.0.0.1:\(enginePort)\n".utf8).write(to: URL(fileURLWithPath: path))
                program.send(SIGHUP)
                try await eventually("the new engine is polled") {
                    try await get("/metrics", port: port).text.contains("found-later")
                }
                program.send(SIGTERM)
                #expect(await program.status() == 0)
                #expect(collector.posted.contains { String(decoding: $0, as: UTF8.self).contains("found-later") })
            }
        }
    }

    @Test("engines that are found are polled, and handed on once")
    func discovery() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, port in
            let changes = Locked<[[Int]]>([])
            let list = try TargetList([], targetsFile: nil, environment: [:])
            let targets = Targets(
                list,
                candidates: [Candidate(port: port, names: "x"), Candidate(port: 1, names: "y")]
            ) { new in
                changes.withLock { $0.append(new.compactMap(\.url.port)) }
            }
            for _ in 0..<3 { await targets.lookAround([]) }
            #expect(changes.withLock { $0 } == [[port]])
        }
    }

    @Test("a found engine gets the token once it is named, and loses it once it is not")
    func tokenOfFound() async throws {
        try await FakeServer.with(["/metrics": .vLLM()]) { _, port in
            let changes = Locked<[[String?]]>([])
            let targets = Targets(
                try TargetList([], targetsFile: nil, environment: ["GENAI_SERVER_METRICS_TOKEN": "t0ken"]),
                candidates: [Candidate(port: port, names: "x")]
            ) { new in
                changes.withLock { $0.append(new.map(\.bearerToken)) }
            }
            await targets.lookAround([])
            targets.read(try TargetFile("http://localhost:\(port)"))
            targets.read(try TargetFile(""))
            #expect(changes.withLock { $0 } == [[nil], ["t0ken"], [nil]])
        }
    }

    @Test("what listens and is no engine is not polled")
    func notAnEngine() async throws {
        try await FakeServer.with(["/metrics": FakeServer.Answer(text: "up 1\n")]) { _, port in
            let targets = Targets(
                try TargetList([], targetsFile: nil, environment: [:]),
                candidates: [Candidate(port: port, names: "x")]
            ) { _ in Issue.record("nothing was found") }
            await targets.lookAround([])
            #expect(targets.current.isEmpty)
        }
    }

    @Test("an Ollama that nobody named is shown once it has answered, and from then on")
    func unnamedOllama() async throws {
        try await FakeServer.with([:]) { server, port in
            let program = try BuiltProgram(
                ["watch", "--json", "--interval", "0.1"],
                // Where the library looks by default can't be chosen, so this one is named; the next is not.
                environment: ["OLLAMA_HOST": "127.0.0.1:\(port)"]
            )
            try await eventually("a named one is shown as down") { program.text.contains(#""state":"down""#) }
            server.set("/api/ps", .json(#"{"models":[]}"#))
            try await eventually("and as up") { program.text.contains(#""state":"idle""#) }
            program.send(SIGTERM)
            #expect(await program.status() == 0)
        }
        let board = Board()
        let ollama = ServerIdentity(engine: "ollama", address: "localhost", port: 11434)
        board.record(.down(ollama), evenIfNeverUp: false)
        #expect(board.state.withLock { $0.view }.servers.isEmpty)
        board.record(ServerReading(server: ollama), evenIfNeverUp: false)
        board.record(.down(ollama), evenIfNeverUp: false)
        #expect(board.state.withLock { $0.view }.servers.map(\.state) == [.down])
    }
}

extension HTTPAnswer {
    /// The values of a metric's series of the server at this port whose labels contain all of these.
    func values(_ name: String, _ port: Int, _ parts: String...) -> [Double] {
        text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("\(name){"), line.contains("server_port=\"\(port)\""), parts.allSatisfy(line.contains)
            else {
                return nil
            }
            return line.split(separator: " ").last.flatMap { Double($0) }
        }
    }
}
