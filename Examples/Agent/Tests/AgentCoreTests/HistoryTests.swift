import GenAIOtel
import Testing

@testable import AgentCore

@Suite("The last minute of a model")
struct HistoryTests {
    private func history(_ tokens: [Int?], every seconds: Double = 1) -> History {
        var history = History()
        for (index, count) in tokens.enumerated() {
            var model = ModelReading(model: "m")
            model.outputTokens = count
            history.record(model, at: Double(index) * seconds)
        }
        return history
    }

    @Test("a rate is what was counted over the last seconds")
    func rate() {
        #expect(history([100]).rate(\.outputTokens) == nil)
        #expect(history([nil, nil]).rate(\.outputTokens) == nil)
        #expect(history([100, 150]).rate(\.outputTokens) == 50)
        #expect(history([0, 0, 0]).rate(\.outputTokens) == 0)
        // A hundred a second for twenty seconds, then ten.
        #expect(history((0...20).map { $0 * 100 } + (1...10).map { 2_000 + $0 * 10 }).rate(\.outputTokens) == 10)
        #expect(history([0, 500, 1_000], every: 5).rate(\.outputTokens) == 100)
        #expect(
            history([0, 600], every: 20).rate(\.outputTokens) == 30,
            "a poll that took longer than what is asked for"
        )
    }

    @Test("a server may tell any number of requests")
    func manyRequests() {
        var history = History()
        history.record(ModelReading(model: "m", requestsRunning: .max, requestsWaiting: 1), at: 0)
        #expect(history.peakRequests == .max)
    }

    @Test("a count that falls is a restart, and no negative rate")
    func restart() { #expect(history([1_000, 1_100, 40]).rate(\.outputTokens) == 70) }

    @Test("a gap of the figure is no growth")
    func gap() { #expect(history([0, 10, nil, 500, 510]).rate(\.outputTokens) == 10) }

    @Test("each part of the minute has its own rate; what nobody saw has none")
    func parts() {
        let counts = (0...30).map { $0 <= 15 ? $0 * 4 : 60 + ($0 - 15) * 8 }
        let rates = history(counts).rates(\.outputTokens, parts: 4)
        #expect(rates == [nil, nil, 4, 8])
    }

    @Test("no more than a minute is kept, whatever the pace")
    func bounded() {
        #expect(history((0...500).map { $0 < 400 ? $0 * 7 : 2_800 }).rates(\.outputTokens, parts: 1) == [0])
        let quick = history((0...100_000).map { $0 }, every: 0.01)
        #expect(quick.rate(\.outputTokens, over: 1).map { $0.rounded() } == 100)
        #expect(quick.samples.count < 130)
    }

    @Test("readings in between leave their most requests behind")
    func quickPeak() {
        var history = History()
        for (index, running) in [1, 1, 9, 1].enumerated() {
            history.record(ModelReading(model: "m", requestsRunning: running), at: Double(index) * 0.1)
        }
        #expect(history.peakRequests == 9 && history.samples.count == 2)
    }

    @Test("histograms of more buckets than engines have are not kept")
    func manyBuckets() {
        let reading = history([[UInt64](repeating: 1, count: 1_001)], bounds: (0..<1_000).map(Double.init))
        #expect(reading.samples.map { $0.timeToFirstToken == nil } == [true])
    }

    private func history(_ buckets: [[UInt64]], bounds: [Double] = [0.1, 1, 10], every seconds: Double = 1) -> History {
        var history = History()
        for (index, counts) in buckets.enumerated() {
            var model = ModelReading(model: "m")
            model.timeToFirstToken = HistogramReading(bounds: bounds, bucketCounts: counts, sum: 0)
            history.record(model, at: Double(index) * seconds)
        }
        return history
    }

    @Test("percentiles are those of the last minute, as Prometheus has them")
    func quantiles() {
        let reading = history([[100, 100, 100, 100], [100, 110, 110, 100]])
        #expect(reading.quantile(0.5, \.timeToFirstToken) == 1)
        #expect(reading.quantile(0.25, \.timeToFirstToken) == 0.55)
        #expect(reading.quantile(0.95, \.timeToFirstToken) == 9.1)
        #expect(
            history([[5, 0, 0, 0], [5, 0, 0, 0]]).quantile(0.5, \.timeToFirstToken) == nil,
            "nothing in this minute"
        )
        #expect(history([[5, 0, 0, 0]]).quantile(0.5, \.timeToFirstToken) == nil)
        #expect(
            history([[0, 0, 0, 0], [0, 0, 0, 3]]).quantile(0.5, \.timeToFirstToken) == 10,
            "beyond the last bound"
        )
    }

    @Test("what is older than a minute does not count")
    func oldValues() {
        let buckets: [[UInt64]] =
            [[0, 0, 0, 0]] + Array(repeating: [50, 0, 0, 0], count: 30) + Array(repeating: [50, 0, 10, 0], count: 40)
        let reading = history(buckets)
        #expect(reading.quantile(0.01, \.timeToFirstToken).map { $0 > 1 } == true)
    }

    @Test("a restart begins anew, and other bounds do, too")
    func restarts() {
        #expect(history([[9, 9, 9, 9], [0, 4, 0, 0]]).quantile(1, \.timeToFirstToken) == 1)
        var reading = history([[9, 9, 9, 9]])
        var model = ModelReading(model: "m")
        model.timeToFirstToken = HistogramReading(bounds: [2], bucketCounts: [4, 0], sum: 0)
        reading.record(model, at: 1)
        #expect(reading.quantile(1, \.timeToFirstToken) == 2)
    }
}
