import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Tracked requests: objectives")
struct RequestObjectiveTests {
    private let time = ManualTimeSource()

    private func metrics(_ objectives: RequestObjective..., limit: Int = 100) -> ServerMetricsCollector {
        var requests = RequestConfiguration(environment: [:])
        requests.objectives = objectives
        return ServerMetricsCollector(
            cardinalityLimit: limit,
            requests: requests,
            log: Log(level: nil),
            timeSource: time
        )
    }

    /// Number of good requests by objective and model.
    private func good(_ metrics: ServerMetricsCollector) -> [String: Int] {
        var result: [String: Int] = [:]
        for point in metrics.points("gen_ai.server.requests.good") {
            let model = point.attributes["gen_ai.request.model"] ?? point.attributes["otel.metric.overflow"] ?? ""
            guard case .int(let number) = point.value else { continue }
            result["\(point.attributes["gen_ai.server.objective"] ?? "") \(model)"] = number
        }
        return result
    }

    /// A request whose first token comes after so many milliseconds, and whose end so many later.
    private func serve(
        _ metrics: ServerMetricsCollector,
        model: String = "m",
        firstToken: Int?,
        rest: Int,
        tokens: Int?,
        outcome: ServerRequest.Outcome = .success
    ) {
        let request = metrics.enqueueRequest(model: model)
        if let firstToken {
            time.advance(by: .milliseconds(firstToken))
            request.markFirstToken()
        }
        time.advance(by: .milliseconds(rest))
        request.finish(outputTokens: tokens, outcome: outcome)
    }

    @Test(
        "a request is good within every limit, the limits themselves included",
        arguments: [
            (1000, 500, 11, true), (1001, 0, 11, false), (0, 510, 11, false), (1000, 0, 11, true),
            // A single token has no time per further token; an unknown number has one that is not known.
            (10, 3000, 1, true), (10, 3000, 0, true), (10, 10, nil, false), (nil, 10, 11, false), (nil, 10, 1, false),
            (1000, 4000, 1_000, true), (1000, 4001, 1_000, false),
        ] as [(Int?, Int, Int?, Bool)]
    )
    func limits(firstToken: Int?, rest: Int, tokens: Int?, isGood: Bool) {
        let metrics = metrics(
            RequestObjective(
                "interactive",
                timeToFirstToken: .seconds(1),
                timePerOutputToken: .milliseconds(50),
                duration: .seconds(5)
            )
        )
        serve(metrics, firstToken: firstToken, rest: rest, tokens: tokens)
        #expect(good(metrics) == ["interactive m": isGood ? 1 : 0])
    }

    @Test("a request that fails is not good, whatever its times")
    func failed() {
        let metrics = metrics(RequestObjective("any"))
        serve(metrics, firstToken: 0, rest: 0, tokens: 5, outcome: .failure(errorType: "x"))
        serve(metrics, firstToken: 0, rest: 0, tokens: 5, outcome: .clientGone)
        _ = metrics.enqueueRequest(model: "m")
        #expect(good(metrics) == ["any m": 0])
        serve(metrics, firstToken: nil, rest: 0, tokens: nil)
        #expect(good(metrics) == ["any m": 1])
    }

    @Test("several objectives count apart, each for its models; a model has a point from its first request on")
    func models() {
        let metrics = metrics(
            RequestObjective("fast", duration: .milliseconds(10)),
            RequestObjective("slow", duration: .seconds(10), models: ["big", "huge"])
        )
        #expect(good(metrics) == [:])
        for model in ["big", "m", "big"] { serve(metrics, model: model, firstToken: nil, rest: 100, tokens: nil) }
        serve(metrics, model: "m", firstToken: nil, rest: 10, tokens: nil)
        #expect(good(metrics) == ["fast big": 0, "slow big": 2, "fast m": 1])
    }

    @Test("beyond the cardinality limit, models share the overflow point")
    func overflow() {
        let metrics = metrics(RequestObjective("any"), limit: 2)
        for number in 0..<5 { metrics.trackRequest(model: "m\(number)") { _ in } }
        #expect(good(metrics) == ["any m0": 1, "any m1": 1, "any true": 3])
    }

    @Test("models that objectives name take nobody's slot")
    func namedModels() {
        let metrics = metrics(RequestObjective("any"), RequestObjective("big", models: ["a", "b", "c"]), limit: 1)
        metrics.trackRequest(model: "unnamed") { _ in }
        #expect(good(metrics) == ["any unnamed": 1])
    }

    @Test("a model without a name, and no objective at all")
    func odd() {
        let metrics = metrics(RequestObjective("any"))
        metrics.trackRequest(model: "") { _ in }
        #expect(good(metrics) == ["any ": 1])
        let none = self.metrics()
        none.trackRequest(model: "m") { _ in }
        #expect(good(none) == [:])
    }

    @Test("the longest limits do not overflow")
    func longest() {
        let metrics = metrics(
            RequestObjective("any", duration: Duration(secondsComponent: .max, attosecondsComponent: 0))
        )
        serve(metrics, firstToken: nil, rest: 10, tokens: nil)
        #expect(good(metrics) == ["any m": 1])
    }

    @Test("objectives that can't be met or told apart are left out with a warning")
    func validation() {
        var requests = RequestConfiguration(environment: [:])
        requests.objectives = [
            RequestObjective(""), RequestObjective("zero", duration: .zero), RequestObjective("a"),
            RequestObjective("a", duration: .seconds(1)), RequestObjective("b", timeToFirstToken: .seconds(-1)),
        ]
        var warnings: [String] = []
        #expect(requests.validated(&warnings).objectives == [RequestObjective("a")])
        #expect(warnings.count == 4)
        #expect(warnings.allSatisfy { $0.hasSuffix("; it is left out") })
    }
}

@Suite("Tracked requests: bounds and configuration")
struct RequestConfigurationTests {
    @Test("bounds can be set; queue time has those of the duration")
    func bounds() {
        var requests = RequestConfiguration(environment: [:])
        requests.durationBounds = [0.0005, 0.001]
        requests.timeToFirstTokenBounds = [2]
        requests.timePerOutputTokenBounds = [3]
        let metrics = ServerMetricsCollector(requests: requests)
        let request = metrics.enqueueRequest(model: "m")
        request.markFirstToken()
        request.finish(outputTokens: 2)
        #expect(histogram(.requestDuration, of: metrics).map(\.bounds) == [[0.0005, 0.001]])
        #expect(histogram(.queueTime, of: metrics).map(\.bounds) == [[0.0005, 0.001]])
        #expect(histogram(.timeToFirstToken, of: metrics).map(\.bounds) == [[2]])
        #expect(histogram(.timePerOutputToken, of: metrics).map(\.bounds) == [[3]])
    }

    @Test(
        "bounds that can't be used are replaced by the default, with a warning",
        arguments: [
            [], [1, 1], [2, 1], [0, 1], [-1], [.nan], [1, .infinity], [1e300],
            (1...201).map(Double.init),
        ] as [[Double]]
    )
    func unusableBounds(bounds: [Double]) {
        var requests = RequestConfiguration(environment: [:])
        requests.durationBounds = bounds
        var warnings: [String] = []
        #expect(requests.validated(&warnings).durationBounds == RequestConfiguration.defaultDurationBounds)
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("requests.durationBounds") == true)
    }

    @Test("the provider is the variable's, then the service's name; code wins")
    func provider() {
        func provider(_ environment: [String: String], _ inCode: String? = nil) -> String? {
            var configuration = GenAIConfiguration(environment: environment)
            if let inCode { configuration.requests.providerName = inCode }
            return configuration.validated().requests.providerName
        }
        #expect(provider(["OTEL_SERVICE_NAME": "chat", "GENAI_PROVIDER_NAME": "acme"]) == "acme")
        #expect(provider(["OTEL_SERVICE_NAME": "chat", "GENAI_PROVIDER_NAME": " "]) == "chat")
        #expect(provider(["OTEL_SERVICE_NAME": "chat", "GENAI_PROVIDER_NAME": "acme"], "mine") == "mine")
        #expect(provider(["OTEL_SERVICE_NAME": "chat"], "") == "chat")
    }

    @Test(
        "the exemplar filter",
        arguments: [
            (nil, .traceBased, 0), ("ALWAYS_ON", .alwaysOn, 0), ("always_off", .alwaysOff, 0),
            ("trace_based", .traceBased, 0), ("some", .traceBased, 1),
        ] as [(String?, RequestConfiguration.ExemplarFilter, Int)]
    )
    func filter(value: String?, expected: RequestConfiguration.ExemplarFilter, warnings: Int) {
        var environment: [String: String] = [:]
        environment["OTEL_METRICS_EXEMPLAR_FILTER"] = value
        let configuration = GenAIConfiguration(environment: environment)
        #expect(configuration.requests.exemplarFilter == expected)
        #expect(configuration.warnings.count == warnings)
        #expect(configuration.warnings.allSatisfy { $0.hasSuffix("; trace_based is used") })
    }
}

@Suite("Reading a collector back")
struct CollectorPointsTests {
    @Test("every value has its name, unit and attributes")
    func points() {
        let metrics = ServerMetricsCollector()
        metrics.setKVCacheUsage(model: "m", percent: 12.5)
        metrics.trackRequest(model: "m") { _ in }
        #expect(
            metrics.points("gen_ai.server.kv_cache.usage") == [
                MetricPoint(
                    name: "gen_ai.server.kv_cache.usage",
                    unit: "%",
                    kind: .gauge,
                    attributes: ["model": "m"],
                    value: .double(12.5)
                )
            ]
        )
        guard case .histogram(let duration)? = metrics.points("gen_ai.server.request.duration").first?.value else {
            Issue.record("no histogram")
            return
        }
        #expect(duration.count == 1)
        #expect(metrics.points("no.such.metric").isEmpty)
        #expect(Set(metrics.points().map(\.name)).count == 5)
    }

    @Test("every value says of which kind its metric is")
    func kinds() {
        let metrics = ServerMetricsCollector()
        metrics.trackRequest(model: "m") { _ in }
        var gpu = GPUReading(id: "g", name: "G", vendor: "V", index: 0)
        gpu.memoryUsage = 1
        metrics.record(gpu)
        let kinds = Dictionary(metrics.points().map { ($0.name, $0.kind) }) { first, _ in first }
        #expect(
            kinds == [
                "gen_ai.server.requests.running": .gauge, "gen_ai.server.requests.waiting": .gauge,
                "gen_ai.requests": .counter, "gen_ai.server.request.duration": .histogram,
                "hw.gpu.memory.usage": .upDownCounter,
            ]
        )
    }
}
