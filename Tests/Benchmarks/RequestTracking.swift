// What it costs to track one request: arrival, first token, end.

import Foundation
import GenAIOtel
import GenAISupport

enum RequestTracking {
    private static let model = "meta-llama/Llama-3.1-8B-Instruct"

    static func run() -> [Table] {
        Companion.start
        return [oneModel(threads: 1), oneModel(threads: 2), firstRecordAfterSnapshot]
    }

    private static func oneModel(threads: Int) -> Table {
        let bare = BareMutex()
        let metrics = ServerMetricsCollector(cardinalityLimit: 2000, log: Log(level: nil))
        let full = ServerMetricsCollector(
            cardinalityLimit: 2000,
            requests: configuration,
            log: Log(level: nil)
        )
        let models = (0..<100).map { "meta-llama/Llama-3.1-8B-Instruct-\($0)" }
        return Comparison(
            title: threads == 1 ? "Tracked requests" : "Tracked requests, \(threads) threads at once",
            subjects: [
                Subject("bare pthread mutex around an addition", threads: threads) { calls in
                    for _ in 0..<calls { bare.add(1) }
                },
                Subject("reading the monotonic clock", threads: threads) { calls in
                    var time = timespec()
                    for _ in 0..<calls { clock_gettime(CLOCK_MONOTONIC, &time) }
                },
                Subject("trackRequest, empty body", threads: threads) { calls in
                    for _ in 0..<calls { metrics.trackRequest(model: model) { _ in } }
                },
                Subject(
                    "trackRequest, firstToken, finish",
                    goals: threads == 1 ? [.value(400), .allocations(2)] : [],
                    threads: threads
                ) { calls in
                    for _ in 0..<calls { track(model, metrics) }
                },
                Subject("the same, 100 models in turn", threads: threads) { calls in
                    for call in 0..<calls { track(models[call % 100], metrics) }
                },
                Subject(
                    "enqueueRequest, start, firstToken, finish",
                    goals: threads == 1 ? [.value(400), .allocations(2)] : [],
                    threads: threads
                ) { calls in
                    for _ in 0..<calls {
                        let request = metrics.enqueueRequest(model: model)
                        request.start()
                        request.markFirstToken()
                        request.finish(outputTokens: 100)
                    }
                },
                Subject(
                    "the same with tokens, response model and an objective",
                    goals: threads == 1 ? [.value(400), .allocations(2)] : [],
                    threads: threads
                ) { calls in
                    for _ in 0..<calls { serve(full.enqueueRequest(model: model)) }
                },
                Subject(
                    "the same with two attributes of its own",
                    goals: threads == 1 ? [.value(700)] : [],
                    threads: threads
                ) { calls in
                    for _ in 0..<calls {
                        serve(full.enqueueRequest(model: model, attributes: ["tenant": "acme", "tier": "gold"]))
                    }
                },
                Subject("the same, each with the exemplar of a trace", threads: threads) { calls in
                    let trace = RequestTrace(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                    for _ in 0..<calls {
                        let request = full.enqueueRequest(model: model)
                        request.trace = trace
                        serve(request)
                    }
                },
                Subject("addOutputTokens", threads: threads) { calls in
                    let request = full.beginRequest(model: model)
                    for _ in 0..<calls { request.addOutputTokens(1) }
                    request.finish()
                },
                Subject("trackRequest, the body throws", threads: threads) { calls in
                    for _ in 0..<calls { try? metrics.trackRequest(model: model) { _ in throw CancellationError() } }
                },
            ]
        ).run()
    }

    /// The first request after a snapshot copies what the snapshot shares with the collector.
    private static var firstRecordAfterSnapshot: Table {
        let metrics = ServerMetricsCollector(cardinalityLimit: 10_000, log: Log(level: nil))
        let models = (0..<10_000).map { "model-\($0)" }
        for model in models { track(model, metrics) }
        var samples = Samples()
        for _ in 0..<50 {
            let snapshot = metrics.snapshot(time: 1)
            samples.values.append(Stopwatch.processorTime { track(models[5_000], metrics) } / 1e3)
            withExtendedLifetime(snapshot) {}
        }
        return Table(
            title: "The first request after a snapshot of 10 000 models",
            rows: [Row("trackRequest, firstToken, finish", .microseconds, samples)]
        )
    }

    private static var configuration: RequestConfiguration {
        var requests = RequestConfiguration(environment: [:])
        requests.providerName = "chat"
        requests.allowedAttributes = ["tenant", "tier"]
        requests.objectives = [
            RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
        ]
        return requests
    }

    @inline(__always)
    private static func serve(_ request: ServerRequest) {
        request.start()
        request.markFirstToken()
        request.finish(inputTokens: 500, outputTokens: 100, cachedInputTokens: 64, responseModel: "llama-3.1")
    }

    @inline(__always)
    private static func track(_ model: String, _ metrics: ServerMetricsCollector) {
        metrics.trackRequest(model: model) { request in
            request.markFirstToken()
            request.finish(outputTokens: 100)
        }
    }
}
