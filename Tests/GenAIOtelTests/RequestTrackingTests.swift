import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

private struct Overloaded: Error {}
private enum Client { struct Gone: Error {} }

@Suite("Tracked requests: counts")
struct RequestTrackingTests {
    private let recorder = LogRecorder()
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector

    init() {
        metrics = ServerMetricsCollector(cardinalityLimit: 2000, log: recorder.log(), timeSource: time)
    }

    @Test("trackRequest counts a request as running at once and gives back what the body returns")
    func synchronous() {
        let result = metrics.trackRequest(model: "m") { _ in
            #expect(metrics.requestsRunning == 1)
            #expect(metrics.requestsWaiting == 0)
            return 7
        }
        #expect(result == 7)
        #expect(metrics.requestsRunning == 0)
        #expect(counts(of: metrics) == ["m chat": 1])
    }

    @Test("what the body throws is thrown on, and its type's name is the error type")
    func throwing() {
        #expect(throws: Overloaded.self) { try metrics.trackRequest(model: "m") { _ in throw Overloaded() } }
        #expect(throws: Client.Gone.self) { try metrics.trackRequest(model: "m") { _ in throw Client.Gone() } }
        #expect(metrics.requestsRunning == 0)
        #expect(counts(of: metrics) == ["m chat Overloaded": 1, "m chat Gone": 1])
    }

    @Test("the asynchronous form counts in the same way, and a cancelled task by what it throws")
    func asynchronous() async throws {
        let value = await metrics.trackRequest(model: "m", operation: "embeddings") { _ in
            await Task.yield()
            return metrics.requestsRunning
        }
        #expect(value == 1)
        let task = Task {
            try await metrics.trackRequest(model: "m") { _ in
                while true {
                    try Task.checkCancellation()
                    await Task.yield()
                }
            }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(metrics.requestsRunning == 0)
        #expect(counts(of: metrics) == ["m embeddings": 1, "m chat CancellationError": 1])
    }

    @Test("the body runs on the caller's actor")
    @MainActor
    func isolation() async {
        var onTheActor = 0
        await metrics.trackRequest(model: "m") { _ in
            onTheActor += 1
            await Task.yield()
        }
        #expect(onTheActor == 1)
    }

    @Test("a body that has called finish itself has the last word")
    func finishedByTheBody() {
        try? metrics.trackRequest(model: "m") { request in
            request.finish(error: Overloaded())
            #expect(metrics.requestsRunning == 0)
            throw CancellationError()
        }
        metrics.trackRequest(model: "m") { $0.finish(outputTokens: 5) }
        #expect(counts(of: metrics) == ["m chat Overloaded": 1, "m chat": 1])
    }

    @Test("a request that is queued waits, runs and ends")
    func queued() {
        let request = metrics.enqueueRequest(model: "m", operation: "text_completion")
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (1, 0))
        request.start()
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 1))
        request.finish()
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
        #expect(counts(of: metrics) == ["m text_completion": 1])
    }

    @Test("a request that is dropped counts as abandoned, whether it waited or ran")
    func abandoned() {
        _ = metrics.enqueueRequest(model: "m")
        do {
            let request = metrics.enqueueRequest(model: "m")
            request.start()
            #expect(metrics.requestsRunning == 1)
        }
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
        #expect(counts(of: metrics) == ["m chat abandoned": 2])
    }

    private static let calls: [(name: String, call: @Sendable (ServerRequest) -> Void)] = [
        ("start", { $0.start() }), ("firstToken", { $0.markFirstToken() }),
        ("finish", { $0.finish(outputTokens: 3) }), ("fail", { $0.finish(error: Overloaded()) }),
    ]

    @Test("whatever is called in whatever order: one request is one request, and nothing stays behind")
    func everyOrder() {
        // All 4^5 sequences of five calls, so also every call twice, after the end, and without a start.
        for number in 0..<1024 {
            let order = (0..<5).map { Self.calls[number >> (2 * $0) & 3] }
            let metrics = ServerMetricsCollector(cardinalityLimit: 10, log: recorder.log(), timeSource: time)
            var request: ServerRequest? = metrics.enqueueRequest(model: "m")
            for (_, call) in order {
                request.map(call)
                let alive = metrics.requestsWaiting + metrics.requestsRunning
                #expect(alive + counts(of: metrics).values.reduce(0, +) == 1, "\(order.map(\.name))")
            }
            request = nil
            let end = order.first { $0.name.hasPrefix("fi") && $0.name != "firstToken" || $0.name == "fail" }?.name
            let expected = ["finish": "m chat", "fail": "m chat Overloaded"][end] ?? "m chat abandoned"
            #expect(counts(of: metrics) == [expected: 1], "\(order.map(\.name))")
            #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
            let first = order.firstIndex { $0.name == "firstToken" }
            let last = order.firstIndex { $0.name == "finish" || $0.name == "fail" } ?? order.count
            let hasToken = first.map { $0 < last } ?? false
            #expect(histogram(.timeToFirstToken, of: metrics).first?.count == (hasToken ? 1 : nil))
        }
    }

    @Test("setting the counts does not upset those of tracked requests")
    func besideSetCounts() {
        let request = metrics.enqueueRequest(model: "m")
        metrics.setRequestsWaiting(5)
        #expect(metrics.requestsWaiting == 6)
        metrics.setRequestsWaiting(0)
        metrics.decrementRequestsRunning(by: 100)
        request.start()
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 1))
        metrics.incrementRequestsRunning(by: .max)
        #expect(metrics.requestsRunning == .max)
        metrics.setRequestsRunning(0)
        request.finish()
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
        #expect(points(.requestsRunning, of: metrics) == [NumberPoint([], .int(0))])
    }

    @Test("names: empty ones are left out, long ones cut, odd ones kept")
    func names() {
        metrics.trackRequest(model: "", operation: "") { _ in }
        metrics.trackRequest(model: "", operation: "chat") { _ in }
        let long = String(repeating: "🦙", count: 1000)
        for ending in ["a", "b"] { metrics.trackRequest(model: long + ending, operation: long) { _ in } }
        metrics.trackRequest(model: "a\"\\\n\u{0}") { _ in }
        let cut = String(repeating: "🦙", count: 64)
        #expect(counts(of: metrics) == ["": 1, "chat": 1, "\(cut) \(cut)": 2, "a\"\\\n\u{0} chat": 1])
    }

    @Test("beyond the cardinality limit all share one point, with one warning, and no point is there twice")
    func cardinality() throws {
        let metrics = ServerMetricsCollector(cardinalityLimit: 3, log: recorder.log(), timeSource: time)
        for model in ["a", "b", "c", "d", "e"] {
            metrics.trackRequest(model: model) { $0.markFirstToken() }
            try? metrics.trackRequest(model: model) { _ in throw Overloaded() }
        }
        #expect(
            counts(of: metrics) == ["a chat": 1, "a chat Overloaded": 1, "b chat": 1, "true": 7],
            "kinds a, b and c; outcomes of a and one of b"
        )
        let tokens = histogram(.timeToFirstToken, of: metrics)
        #expect(tokens.map(\.count) == [1, 1, 1, 2])
        #expect(tokens.last?.attributes == [Attribute("otel.metric.overflow", .bool(true))])
        let duration = histogram(.requestDuration, of: metrics)
        #expect(duration.map(\.count) == [1, 1, 1, 7])
        #expect(duration.last?.attributes == [Attribute("otel.metric.overflow", .bool(true))])
        #expect(metrics.requestsRunning == 0)
        #expect(recorder.lines(.warning).count == 1)
    }

    @Test("eight tasks that track 10 000 requests each, some throwing, some cancelled, some dropped, lose none")
    func tasks() async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for step in 0..<10_000 { await Self.trackOne(step, model: "model-\(number % 4)", metrics) }
                }
            }
            group.addTask {
                while !Task.isCancelled, counts(of: metrics).values.reduce(0, +) < 80_000 { await Task.yield() }
            }
        }
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
        var expected: [String: Int] = [:]
        for number in 0..<4 {
            expected["model-\(number) chat"] = 2 * 5_000
            expected["model-\(number) chat Overloaded"] = 2 * 2_000
            expected["model-\(number) chat CancellationError"] = 2 * 2_000
            expected["model-\(number) chat abandoned"] = 2 * 1_000
        }
        #expect(counts(of: metrics) == expected)
        #expect(histogram(.requestDuration, of: metrics).reduce(0) { $0 + $1.count } == 80_000)
        #expect(histogram(.timeToFirstToken, of: metrics).reduce(0) { $0 + $1.count } == 16_000)
    }

    private static func trackOne(_ step: Int, model: String, _ metrics: ServerMetricsCollector) async {
        switch step % 10 {
        case 0, 1:
            try? metrics.trackRequest(model: model) { _ in throw Overloaded() }
        case 2, 3:
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask {
                    try? await metrics.trackRequest(model: model) { _ in
                        await Task.yield()
                        try Task.checkCancellation()
                    }
                }
            }
        case 4:
            metrics.enqueueRequest(model: model).start()
        case 5, 6:
            await metrics.trackRequest(model: model) { request in
                await Task.yield()
                request.markFirstToken()
            }
        default:
            let request = metrics.enqueueRequest(model: model)
            request.start()
            request.finish()
        }
    }

    @Test("a request that many threads finish, start and use at once counts once")
    func sharedByThreads() {
        for _ in 0..<200 {
            let request = metrics.enqueueRequest(model: "m")
            DispatchQueue.concurrentPerform(iterations: 4) { thread in
                if thread == 0 { request.start() }
                request.markFirstToken()
                request.finish(outputTokens: 4)
            }
        }
        #expect((metrics.requestsWaiting, metrics.requestsRunning) == (0, 0))
        #expect(counts(of: metrics) == ["m chat": 200])
    }
}

/// The values of `gen_ai.requests` by the values of their attributes.
func counts(of metrics: ServerMetricsCollector) -> [String: Int] {
    var result: [String: Int] = [:]
    for point in points(.requests, of: metrics) {
        let names = point.attributes.map { attribute in
            switch attribute.value {
            case .string(let text): text
            case .bool(let flag): "\(flag)"
            case .int(let number): "\(number)"
            }
        }
        guard case .int(let value) = point.value else { continue }
        let isNew = result.updateValue(value, forKey: names.joined(separator: " ")) == nil
        #expect(isNew, "two points with the same attributes")
    }
    return result
}

/// The points of one histogram in a snapshot taken now.
func histogram(_ descriptor: MetricDescriptor, of metrics: ServerMetricsCollector) -> [HistogramPoint] {
    let metric = metrics.snapshot(time: 1).metrics.first { $0.descriptor == descriptor }
    if case .histogram(let points, _) = metric?.data { return points }
    return []
}
