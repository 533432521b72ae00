import GenAIOtel
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Tracked requests: times")
struct RequestTimingTests {
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector

    init() {
        metrics = ServerMetricsCollector(cardinalityLimit: 100, log: LogRecorder().log(), timeSource: time)
    }

    private let kind = [
        Attribute("gen_ai.request.model", .string("m")), Attribute("gen_ai.operation.name", .string("chat")),
    ]

    @Test("times run from the arrival in the queue: first token, end, and time per token between them")
    func wholeRequest() throws {
        let request = metrics.enqueueRequest(model: "m")
        time.advance(by: .milliseconds(100))
        request.start()
        time.advance(by: .milliseconds(150))
        request.markFirstToken()
        time.advance(by: .milliseconds(300))
        request.markFirstToken()
        request.finish(outputTokens: 11)
        time.advance(by: .seconds(5))
        request.finish(outputTokens: 100)

        let firstToken = try #require(histogram(.timeToFirstToken, of: metrics).first)
        #expect(firstToken.attributes == kind)
        #expect((firstToken.count, firstToken.sum, firstToken.range) == (1, 0.25, 0.25...0.25))
        #expect(firstToken.bucketCounts.firstIndex(of: 1) == firstToken.bucketCounts.startIndex + 8, "le 0.25")
        let perToken = try #require(histogram(.timePerOutputToken, of: metrics).first)
        #expect((perToken.attributes, perToken.count, perToken.sum) == (kind, 1, 0.03))
        let duration = try #require(histogram(.requestDuration, of: metrics).first)
        #expect((duration.attributes, duration.count, duration.sum) == (kind, 1, 0.55))
    }

    @Test("the date may be set back meanwhile")
    func dateSetBack() {
        metrics.trackRequest(model: "m") { _ in
            time.setUnixNanoseconds(5)
            time.advance(by: .seconds(1))
        }
        #expect(histogram(.requestDuration, of: metrics).first?.sum == 1)
    }

    @Test(
        "time per output token needs a first token, two tokens and a good end",
        arguments: [nil, Int.min, -5, 0, 1]
    )
    func tooFewTokens(tokens: Int?) {
        let request = metrics.enqueueRequest(model: "m")
        request.markFirstToken()
        request.finish(outputTokens: tokens)
        metrics.enqueueRequest(model: "m").finish(outputTokens: 100)
        metrics.trackRequest(model: "m") { request in
            request.markFirstToken()
            request.finish(outputTokens: 100, error: CancellationError())
        }
        #expect(histogram(.timePerOutputToken, of: metrics).isEmpty)
        #expect(histogram(.timeToFirstToken, of: metrics).first?.count == 2)
    }

    @Test("the largest number of tokens and the longest time do not trap")
    func extremes() {
        let request = metrics.enqueueRequest(model: "m")
        request.markFirstToken()
        time.advance(by: .seconds(1 << 33))
        request.finish(outputTokens: .max)
        #expect(histogram(.timePerOutputToken, of: metrics).first?.sum == 0)
        #expect(histogram(.requestDuration, of: metrics).first?.sum == Double(1 << 33))
    }

    @Test("the bounds are those of the design")
    func bounds() {
        let request = metrics.enqueueRequest(model: "m")
        request.markFirstToken()
        request.finish(outputTokens: 2)
        var bounds: [String: [Double]] = [:]
        for metric in metrics.snapshot(time: 1).metrics {
            if case .histogram(let points, _) = metric.data { bounds[metric.descriptor.name] = points.first?.bounds }
        }
        #expect(
            bounds == [
                "gen_ai.server.request.duration": [
                    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
                ],
                "gen_ai.server.request.queue_time": [
                    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
                ],
                "gen_ai.server.time_to_first_token": [
                    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
                ],
                "gen_ai.server.time_per_output_token": [
                    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
                ],
            ]
        )
    }

    @Test("a sum and a histogram begin when the collector did, at every snapshot")
    func start() {
        let began = time.unixNanoseconds
        time.advance(by: .seconds(10))
        metrics.trackRequest(model: "m") { _ in }
        for _ in 0..<2 {
            time.advance(by: .seconds(10))
            let snapshot = metrics.snapshot(time: time.unixNanoseconds)
            let metric = snapshot.metrics.first { $0.descriptor == .requests }
            guard case .sum(let points, .cumulative) = metric?.data else {
                Issue.record("no sum")
                return
            }
            #expect(points.map(\.start) == [began])
        }
    }
}

@Suite("HistogramTable")
struct HistogramTableTests {
    private func points(of table: HistogramTable, _ attributes: [[Attribute]]) -> [HistogramPoint] {
        var paged = PagedArray<[Attribute]>()
        for attribute in attributes { paged.append(attribute) }
        return table.points(paged, start: 0, exemplars: ExemplarTable.Interval(dateOfZero: 0))
    }

    @Test("a bound belongs to the bucket that it ends")
    func bounds() {
        var table = HistogramTable(bounds: [0.01, 0.1, 81.92])
        for nanoseconds: UInt64 in [0, 10_000_000, 10_000_001, 100_000_000, 81_920_000_000, 81_920_000_001, .max] {
            table.record(nanoseconds: nanoseconds, in: 0)
        }
        let point = points(of: table, [[]]).first
        #expect(point.map { Array($0.bucketCounts) } == [2, 2, 1, 2])
        #expect(point?.count == 7)
        #expect(point?.range == 0...Double(UInt64.max) / 1e9)
        #expect(point?.sum == Double(UInt64.max) / 1e9, "the sum stops at the largest number")
    }

    @Test("series are apart, also beyond a page; one without a value has no point")
    func pages() {
        var table = HistogramTable(bounds: [1])
        for series in [0, 31, 32, 100] {
            for _ in 0...series { table.record(nanoseconds: UInt64(series), in: series) }
        }
        let points = points(of: table, (0..<200).map { [Attribute("n", .int($0))] })
        #expect(points.map(\.attributes) == [0, 31, 32, 100].map { [Attribute("n", .int($0))] })
        #expect(points.map(\.count) == [1, 32, 33, 101])
        #expect(points.map { Array($0.bucketCounts) } == [[1, 0], [32, 0], [33, 0], [101, 0]])
    }

    @Test("points that were taken do not change any more")
    func copies() {
        var table = HistogramTable(bounds: [1])
        table.record(nanoseconds: 5, in: 0)
        let before = points(of: table, [[]])
        table.record(nanoseconds: 7, in: 0)
        #expect(before.first?.count == 1)
        #expect(before.first?.bucketCounts.first == 1)
        #expect(points(of: table, [[]]).first?.count == 2)
    }
}
