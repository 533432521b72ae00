import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Tracked requests: tokens and time in the queue")
struct RequestTokenTests {
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector

    init() {
        var requests = RequestConfiguration(environment: [:])
        requests.providerName = "acme"
        metrics = ServerMetricsCollector(
            cardinalityLimit: 100,
            requests: requests,
            log: LogRecorder().log(),
            timeSource: time
        )
    }

    private let kind = [
        "gen_ai.provider.name": "acme", "gen_ai.request.model": "m", "gen_ai.operation.name": "chat",
    ]

    /// Input, output, cache queries and hits; nil for no point.
    private var tokens: [Int?] {
        func sum(_ name: String, _ type: String? = nil) -> Int? {
            let points = metrics.points(name).filter { $0.attributes["gen_ai.token.type"] == type }
            guard case .int(let number)? = points.first?.value, points.count == 1 else { return nil }
            return number
        }
        return [
            sum("gen_ai.server.tokens", "input"), sum("gen_ai.server.tokens", "output"),
            sum("gen_ai.server.prefix_cache.queries"), sum("gen_ai.server.prefix_cache.hits"),
        ]
    }

    private func points(_ name: String) -> [[String: String]] { metrics.points(name).map(\.attributes) }

    @Test("tokens are counted by their type, with the attributes of the request")
    func tokensByType() {
        metrics.beginRequest(model: "m").finish(inputTokens: 100, outputTokens: 20, cachedInputTokens: 64)
        metrics.beginRequest(model: "m").finish(inputTokens: 10, outputTokens: 5, cachedInputTokens: 0)
        #expect(tokens == [110, 25, 110, 64])
        #expect(
            points("gen_ai.server.tokens")
                == ["input", "output"].map { type in kind.merging(["gen_ai.token.type": type]) { $1 } }
        )
        #expect(points("gen_ai.server.prefix_cache.hits") == [kind])
    }

    @Test("what no request tells has no point, and what is told as 0 has one")
    func absent() {
        metrics.beginRequest(model: "m").finish()
        #expect(tokens == [nil, nil, nil, nil])
        metrics.beginRequest(model: "m").finish(inputTokens: 0, cachedInputTokens: 0)
        #expect(tokens == [0, nil, 0, 0])
    }

    @Test(
        "numbers that can't be are brought into range or left out, and sums do not overflow",
        arguments: [
            (-1, -5, -7, [nil, nil, nil, nil]), (10, .min, -1, [10, nil, nil, nil]), (10, 0, 50, [10, 0, 10, 10]),
            (.max, .max, .max, [.max, .max, .max, .max]),
        ] as [(Int, Int, Int, [Int?])]
    )
    func range(input: Int, output: Int, cached: Int, expected: [Int?]) {
        metrics.beginRequest(model: "m").finish(inputTokens: input, outputTokens: output, cachedInputTokens: cached)
        #expect(tokens == expected)
        metrics.beginRequest(model: "m").finish(inputTokens: 0, outputTokens: 0, cachedInputTokens: 0)
        #expect(tokens == expected.map { $0 ?? 0 })
    }

    @Test("cached tokens without input tokens are not counted: hits would have no queries")
    func cachedAlone() {
        metrics.beginRequest(model: "m").finish(cachedInputTokens: 7)
        #expect(tokens == [nil, nil, nil, nil])
    }

    @Test(
        "tokens told while the request streams are counted at once, and not again at its end",
        arguments: [(nil, 12), (0, 12), (11, 12), (12, 12), (40, 40), (-1, 12), (Int.max, Int.max)] as [(Int?, Int)]
    )
    func streamed(atEnd: Int?, expected: Int) {
        let request = metrics.beginRequest(model: "m")
        request.addOutputTokens(5)
        #expect(tokens[1] == 5)
        request.addOutputTokens(-3)
        request.addOutputTokens(0)
        request.addOutputTokens(7)
        #expect(tokens[1] == 12)
        request.finish(outputTokens: atEnd)
        #expect(tokens[1] == expected)
        request.addOutputTokens(100)
        #expect(tokens[1] == expected)
    }

    @Test("streamed tokens give the time per output token, also without a number at the end")
    func timeOfStreamedTokens() {
        let request = metrics.beginRequest(model: "m")
        request.markFirstToken()
        request.addOutputTokens(11)
        time.advance(by: .milliseconds(300))
        request.finish()
        #expect(histogram(.timePerOutputToken, of: metrics).first?.sum == 0.03)
    }

    @Test("tokens of a request that fails, is dropped or was streamed to nobody are counted all the same")
    func failed() {
        metrics.beginRequest(model: "m").finish(inputTokens: 3, outputTokens: 1, outcome: .clientGone)
        metrics.beginRequest(model: "m").finish(inputTokens: 3, outputTokens: 1, error: CancellationError())
        metrics.beginRequest(model: "m").addOutputTokens(1)
        #expect(tokens == [6, 3, nil, nil])
    }

    @Test("time in the queue runs from the arrival to the start, or to the end of a request that never starts")
    func queueTime() {
        let started = metrics.enqueueRequest(model: "m")
        let first = metrics.enqueueRequest(model: "m")
        let never = metrics.enqueueRequest(model: "m")
        time.advance(by: .milliseconds(250))
        started.start()
        time.advance(by: .milliseconds(250))
        started.start()
        started.finish()
        first.markFirstToken()
        time.advance(by: .milliseconds(500))
        never.finish(outcome: .clientGone)
        let points = histogram(.queueTime, of: metrics)
        #expect(points.map(\.count) == [3])
        #expect(points.map(\.sum) == [1.75])
        #expect(self.points("gen_ai.server.request.queue_time") == [kind])
        #expect(counts(of: metrics) == ["m chat acme": 1, "m chat acme client_gone": 1])
        withExtendedLifetime(first) {}
    }

    @Test("a request that was never in a queue has no time in it")
    func noQueue() {
        metrics.trackRequest(model: "m") { $0.start() }
        metrics.beginRequest(model: "m").finish()
        #expect(histogram(.queueTime, of: metrics).isEmpty)
    }

    @Test("the model that answered is an attribute of what is known at the end")
    func responseModel() {
        for name in ["m-2024", "m-2024", "", String(repeating: "x", count: 300)] {
            let request = metrics.enqueueRequest(model: "m")
            request.markFirstToken()
            request.finish(inputTokens: 1, outputTokens: 2, responseModel: name)
        }
        metrics.beginRequest(model: "m").finish(responseModel: "m-2024", outcome: .failure(errorType: "quota"))
        let response = "gen_ai.response.model"
        let long = String(repeating: "x", count: 256)
        #expect(points("gen_ai.requests").map { $0[response] } == ["m-2024", nil, long, "m-2024"])
        #expect(points("gen_ai.server.request.duration").map { $0[response] } == ["m-2024", nil, long, "m-2024"])
        #expect(points("gen_ai.server.time_per_output_token").map { $0[response] } == ["m-2024", nil, long])
        for name in ["gen_ai.server.tokens", "gen_ai.server.time_to_first_token", "gen_ai.server.request.queue_time"] {
            #expect(points(name).allSatisfy { $0[response] == nil })
        }
        #expect(metrics.points("gen_ai.requests").first?.value == .int(2))
    }
}

@Suite("Tracked requests: outcomes")
struct RequestOutcomeTests {
    private enum Engine { enum Failure: Error { case timeout, quota } }
    private struct HungUp: Error {}

    private let metrics: ServerMetricsCollector

    init() {
        var requests = RequestConfiguration(environment: [:])
        requests.outcomeOfError = { error in
            switch error {
            case is HungUp, is CancellationError: .clientGone
            case Engine.Failure.quota: .failure(errorType: "quota")
            case is ExpectedEnd: .success
            default: nil
            }
        }
        metrics = ServerMetricsCollector(requests: requests)
    }

    private struct ExpectedEnd: Error {}

    @Test("the configuration says what an error counts as, wherever it comes from")
    func byConfiguration() async {
        try? metrics.trackRequest(model: "m") { _ in throw HungUp() }
        try? await metrics.trackRequest(model: "m") { _ in
            await Task.yield()
            throw CancellationError()
        }
        metrics.beginRequest(model: "m").finish(error: Engine.Failure.quota)
        metrics.beginRequest(model: "m").finish(error: Engine.Failure.timeout)
        metrics.beginRequest(model: "m").finish(error: ExpectedEnd())
        #expect(
            counts(of: metrics) == [
                "m chat client_gone": 2, "m chat quota": 1, "m chat Failure": 1, "m chat": 1,
            ]
        )
    }

    @Test("an outcome can be given, with any name")
    func given() {
        metrics.beginRequest(model: "m").finish(outcome: .success)
        metrics.beginRequest(model: "m").finish(outcome: .failure(errorType: ""))
        metrics.beginRequest(model: "m").finish(outcome: .failure(errorType: String(repeating: "é", count: 200)))
        #expect(
            counts(of: metrics) == [
                "m chat": 1, "m chat _OTHER": 1, "m chat \(String(repeating: "é", count: 128))": 1,
            ]
        )
    }

    @Test("what the body has said is not undone by what it throws")
    func firstEndCounts() {
        try? metrics.trackRequest(model: "m") { request in
            request.finish(outcome: .clientGone)
            throw Engine.Failure.timeout
        }
        #expect(counts(of: metrics) == ["m chat client_gone": 1])
    }
}
