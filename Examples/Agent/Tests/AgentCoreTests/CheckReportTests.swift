import GenAIOtel
import Testing

@testable import AgentCore

@Suite("check")
struct CheckReportTests {
    private func report(_ reading: ServerReading, version: String? = nil, remarks: [String] = []) -> CheckReport {
        CheckReport(ServerCheck(reading: reading, version: version, remarks: remarks), place: "http://h:8000")
    }
    private func identity(_ engine: String?) -> ServerIdentity {
        ServerIdentity(engine: engine, address: "h", port: 8000)
    }

    @Test("what an engine is, what it tells and what not")
    func readable() {
        var model = ModelReading(model: "llama", kvCacheUsage: 50, requestsRunning: 1, requestsWaiting: 0)
        model.outputTokens = 1
        let report = report(ServerReading(server: identity("vllm"), models: [model]), version: "0.32.0")
        #expect(report.exitStatus == 0)
        #expect(
            report.lines == [
                "http://h:8000 is vLLM 0.32.0.", "Model: llama", "", "Can be read:",
                "  requests running, requests waiting, KV-cache usage, tokens in and out", "Not told:",
                "  most requests at once, KV-cache size, finished requests, prefix cache,",
                "  preemptions, time to first token, time per output token, time in the queue,",
                "  duration of requests", "", "vLLM does not tell its limit of requests at once (--max-num-seqs).",
            ]
        )
    }

    @Test("what to start a server with")
    func advice() {
        let llama = report(
            ServerReading(server: identity("llama.cpp"), models: [ModelReading(model: "m", requestsRunning: 0)])
        )
        #expect(llama.lines.joined(separator: " ").contains("start it without --no-slots"))
        let idle = report(ServerReading(server: identity("ollama"), modelsLoaded: 0))
        #expect(idle.lines.contains("No model is loaded.") && idle.lines.joined().contains("ollama run NAME"))
        #expect(report(.busy(identity("llama.cpp"))).lines.last?.contains("busy") == true)
    }

    @Test("why it can't be read, and what to do")
    func down() {
        let report = report(.down(identity("sglang"), because: "the answer is HTTP 404 (only with --enable-metrics)"))
        #expect(report.exitStatus == 1)
        #expect(
            report.lines == [
                "The SGLang at http://h:8000 can't be read.", "The answer is HTTP 404 (only with --enable-metrics)",
            ]
        )
        #expect(
            self.report(.down(identity(nil), because: "timed out")).lines.first
                == "The server at http://h:8000 can't be read."
        )
    }

    @Test("nothing of a server's words reaches the terminal but signs")
    func hostile() {
        var reading = ServerReading(server: identity("\u{1B}[2J"), models: [ModelReading(model: "\u{1B}[2J")])
        reading.models[0].requestsRunning = 1
        let lines = report(reading, version: "\u{1B}[2J", remarks: ["\u{1B}[2J"]).lines
        #expect(!lines.joined().contains("\u{1B}"))
        #expect(lines.contains("\u{FFFD}[2J"))
    }

    @Test("many models are not all listed")
    func manyModels() {
        let models = (0..<1_000).map { ModelReading(model: "m\($0)", requestsRunning: 0) }
        let lines = report(ServerReading(server: identity("vllm"), models: models)).lines
        #expect(lines[1].hasPrefix("1000 models: m0, m1,") && lines[1].count < 200)
    }
}

@Suite("check, against servers")
struct CheckerTests {
    @Test("an engine")
    func engine() async throws {
        try await FakeServer.with(["/metrics": .vLLM(), "/version": .json(#"{"version":"0.32.0"}"#)]) { _, port in
            let report = try await Checker.check("127.0.0.1:\(port)", environment: [:])
            #expect(report.lines.first == "http://127.0.0.1:\(port) is vLLM 0.32.0.")
        }
    }

    @Test("an Ollama, which has no page of metrics")
    func ollama() async throws {
        let answers = [
            "/api/ps": FakeServer.Answer.json(#"{"models":[]}"#), "/api/version": .json(#"{"version":"0.33.0"}"#),
        ]
        try await FakeServer.with(answers) { _, port in
            let report = try await Checker.check("http://127.0.0.1:\(port)", environment: [:])
            #expect(report.lines.first == "http://127.0.0.1:\(port) is Ollama 0.33.0.")
            #expect(report.exitStatus == 0)
        }
    }

    @Test("something else: the reason is about engines, and no secret of the URL is shown")
    func other() async throws {
        try await FakeServer.with(["/metrics": FakeServer.Answer(text: "up 1\n")]) { _, port in
            let report = try await Checker.check("http://me:s3cret@127.0.0.1:\(port)/?key=s3cret", environment: [:])
            #expect(report.exitStatus == 1)
            let text = report.lines.joined(separator: " ")
            #expect(text.contains("no metrics of a known engine") && !text.contains("s3cret"))
        }
    }

    @Test("what is no URL is a mistake of the user's", arguments: ["", "nope", "ftp://h", "http://a:1 http://b:2"])
    func noURL(text: String) async {
        await #expect(throws: UsageProblem.self) { try await Checker.check(text, environment: [:]) }
    }
}
