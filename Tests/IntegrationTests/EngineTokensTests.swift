import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

extension BackendTests {
    private static func environment(target: String, endpoint: String) -> [String: String] {
        [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "GENAI_SERVER_METRICS_TARGETS": target, "GENAI_SERVER_METRICS_INTERVAL": "0.05",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_LOG_LEVEL": "none",
        ]
    }

    @Test(
        "tokens in a real Prometheus are those that the clients of a real llama.cpp count, through its restart",
        Program.areThere(.prometheus),
        .enabled(if: LlamaCppServer.isAvailable, "needs LLAMACPP_PYTHON and LLAMACPP_SERVER")
    )
    func tokens() throws {
        let prometheus = try Prometheus()
        defer { prometheus.process.stop() }
        var engine = try LlamaCppServer()
        defer { engine.stop() }
        let environment = Self.environment(target: engine.url, endpoint: prometheus.otlpEndpoint)
        let instrumentation = instrument(GenAIConfiguration(environment: environment))
        defer { instrumentation.shutdown() }
        func areCounted(_ tokens: LlamaCppServer.Tokens) -> Bool {
            eventually(within: .seconds(30)) {
                let byType = try? prometheus.query("gen_ai_server_tokens_total", by: "gen_ai_token_type")
                let hits = try? prometheus.query("gen_ai_server_prefix_cache_hits_total", by: "gen_ai_provider_name")
                return byType == ["input": Double(tokens.input), "output": Double(tokens.output)]
                    && hits == ["llama.cpp": Double(tokens.cachedInput)]
            }
        }

        #expect(areCounted(LlamaCppServer.Tokens()))
        let first = try engine.complete(8) + engine.complete(8)
        #expect(first.input > 0 && first.cachedInput > 0 && first.output > 0)
        #expect(areCounted(first))
        engine.stop()
        engine = try LlamaCppServer(port: engine.port)
        #expect(areCounted(LlamaCppServer.Tokens()))
        let second = try engine.complete(6)
        #expect(areCounted(second))

        let both = first + second
        for (type, count) in [("input", both.input), ("output", both.output)] {
            let series = "gen_ai_server_tokens_total{gen_ai_token_type=\"\(type)\"}"
            #expect(try prometheus.rise(series) == Double(count))
            #expect(try prometheus.query("resets(\(series)[10m])", by: "gen_ai_token_type") == [type: 1])
        }
        #expect(try prometheus.rise("gen_ai_server_prefix_cache_hits_total") == Double(both.cachedInput))
        #expect(instrumentation.shutdown())
    }

    @Test(
        "all accepted deltas add up to what llama.cpp counted, through its restart, lost polls and outages of the collector",
        Program.areThere(.receiver, .receiverPython),
        .enabled(if: LlamaCppServer.isAvailable, "needs LLAMACPP_PYTHON and LLAMACPP_SERVER")
    )
    func deltas() throws {
        var engine = try LlamaCppServer()
        defer { engine.stop() }
        // Who began to watch only now has not seen these.
        _ = try engine.complete(4)
        let path = try LossyPath(to: engine.url)
        defer { path.stop() }
        let port = try freePort()
        var environment = Self.environment(target: path.url, endpoint: "http://127.0.0.1:\(port)/v1/metrics")
        environment["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = "delta"
        var configuration = GenAIConfiguration(environment: environment)
        // What is dropped for lack of room is missing.
        configuration.otlp.outageBufferLimit = 500
        let instrumentation = instrument(configuration)
        defer { instrumentation.shutdown() }
        try path.waitForAnswers(1)

        // Nobody listens where the deltas are sent to,
        var expected = try engine.complete(8)
        #expect(eventually { instrumentation.exportStatistics.exportsBuffered >= 3 })
        expected = try expected + engine.complete(8)
        // then somebody who soon refuses them for a while.
        let receiver = try StrictReceiver(["ok*6", "unavailable*4", "ok*6", "unavailable*4"], port: port)
        defer { receiver.process.stop() }
        while try receiver.entries().count < 12 { expected = try expected + engine.complete(4) }
        try path.waitForAnswers(1)
        engine.stop()
        engine = try LlamaCppServer(port: engine.port)
        try path.waitForAnswers(1)
        repeat { expected = try expected + engine.complete(4) } while try receiver.entries().count < 24
        try path.waitForAnswers(1)
        #expect(eventually(within: .seconds(60)) { instrumentation.exportStatistics.exportsBuffered == 0 })
        #expect(instrumentation.shutdown())
        #expect(path.lostPolls > 5)

        let entries = try receiver.waitForEntries(instrumentation.exportStatistics.exportsDelivered)
        #expect(entries.count { $0.status != 200 } == 8)
        #expect(entries.flatMap(\.findings) == [])
        let accepted = entries.filter { $0.status == 200 }
        #expect(instrumentation.exportStatistics.exportsFailed == 0)
        #expect(accepted.count == instrumentation.exportStatistics.exportsDelivered)
        let tokens = accepted.flatMap { $0.points(ofSum: "gen_ai.server.tokens") }
        #expect(tokens.allSatisfy { $0.isDelta && $0.value > 0 })
        let byType = Dictionary(grouping: tokens) { $0.attributes["gen_ai.token.type"] ?? "" }
        #expect(
            byType.mapValues { $0.reduce(0) { $0 + $1.value } } == ["input": expected.input, "output": expected.output]
        )
        let hits = accepted.flatMap { $0.points(ofSum: "gen_ai.server.prefix_cache.hits") }
        #expect(hits.reduce(0) { $0 + $1.value } == expected.cachedInput)
        for points in byType.values {
            #expect(zip(points, points.dropFirst()).allSatisfy { $0.time <= $1.start }, "intervals overlap")
        }
    }
}

/// A proxy that loses every third request for metrics, and all of them while there is no server behind it.
private final class LossyPath: Sendable {
    private struct State {
        var polls = 0
        var answers = 0
    }

    private let state: Monitor<State>
    private let server: LoopbackServer

    init(to destination: String) throws {
        let state = Monitor(State())
        self.state = state
        server = try LoopbackServer(keepsRequests: false) { request in
            guard request.target == "/metrics" else {
                guard let answer = try? loopbackRequest("GET", destination + request.target) else { return .close }
                return .response(answer.status, body: Data(answer.body))
            }
            let number = state.mutate { state in
                state.polls += 1
                return state.polls
            }
            guard number % 3 != 0, let answer = try? loopbackRequest("GET", destination + request.target) else {
                return .close
            }
            state.mutate { $0.answers += 1 }
            return .response(answer.status, body: Data(answer.body))
        }
    }

    var url: String { server.url }
    var lostPolls: Int { state.read { $0.polls - $0.answers } }

    func stop() { server.stop() }

    /// Waits until as many polls that begin from now on have been answered, and what they told has been recorded.
    func waitForAnswers(_ count: Int) throws {
        let before = state.read { $0.answers }
        // One may be on its way; and the next one begins when this one has been recorded.
        let goal = before + count + 2
        try #require(state.wait(until: .now + .seconds(30)) { $0.answers >= goal ? true : nil } == true)
    }
}
