// What a model has told over the last minute: rates, percentiles and a sparkline.

import Foundation
import GenAIOtel

/// The readings of one model on one server over the last minute.
///
/// Counts that fall are a restart: what is counted since then counts.
struct History: Sendable {
    /// What of a reading is needed later: servers may tell much more.
    struct Sample: Sendable {
        /// In seconds, on any clock that does not go back.
        var time: Double
        /// The most that ran and waited at one time.
        var requests: Int
        var inputTokens: Int?
        var outputTokens: Int?
        var timeToFirstToken: HistogramReading?
        var timePerOutputToken: HistogramReading?
    }

    /// In seconds.
    static let length = 60.0
    /// In seconds: what is polled faster leaves out readings in between.
    private static let step = 0.5
    /// Histograms with more buckets are those of no engine.
    fileprivate static let bucketLimit = 128

    /// Of the last minute, and one before it, so that the whole minute is covered.
    private(set) var samples: [Sample] = []

    mutating func record(_ model: ModelReading, at time: Double) {
        var sample = Sample(model, at: time)
        if let last = samples.last {
            if time - (samples.dropLast().last?.time ?? -.infinity) < Self.step || time <= last.time {
                sample.requests = max(sample.requests, last.requests)
                samples.removeLast()
            }
            sample.shareBounds(with: last)
        }
        samples.append(sample)
        while samples.count > 2, samples[1].time <= time - Self.length { samples.removeFirst() }
    }

    /// The most requests that ran and waited at one time.
    var peakRequests: Int { samples.map(\.requests).max() ?? 0 }

    /// What was counted per second over the last seconds; nil with fewer than two readings.
    func rate(_ count: KeyPath<Sample, Int?>, over seconds: Double = 10) -> Double? {
        guard let end = samples.last?.time else { return nil }
        return rate(growth(count), from: end - seconds, to: end)
    }

    /// The rate in each part of the last minute, oldest first; nil where nobody looked.
    func rates(_ count: KeyPath<Sample, Int?>, parts: Int) -> [Double?] {
        guard let end = samples.last?.time, parts > 0 else { return [] }
        let growth = growth(count)
        let length = Self.length / Double(parts)
        return (0..<parts).map { part in
            let start = end - Self.length + Double(part) * length
            return rate(growth, from: start, to: start + length)
        }
    }

    /// The value below which this share of the last minute's values lies, in seconds; nil if there were none.
    func quantile(_ share: Double, _ histogram: KeyPath<Sample, HistogramReading?>) -> Double? {
        let readings = samples.compactMap { $0[keyPath: histogram] }
        guard let newest = readings.last, newest.bucketCounts.count == newest.bounds.count + 1 else { return nil }
        var counts = [UInt64](repeating: 0, count: newest.bucketCounts.count)
        for (former, next) in zip(readings, readings.dropFirst()) where next.bounds == newest.bounds {
            let isContinued =
                former.bounds == next.bounds && former.bucketCounts.count == counts.count
                && zip(former.bucketCounts, next.bucketCounts).allSatisfy { $0 <= $1 }
            guard next.bucketCounts.count == counts.count else { continue }
            for index in counts.indices {
                let before = isContinued ? former.bucketCounts[index] : 0
                counts[index] = counts[index].addingReportingOverflow(next.bucketCounts[index] - before).partialValue
            }
        }
        return Self.quantile(share, counts, newest.bounds)
    }

    /// As Prometheus' `histogram_quantile` has it: straight lines inside the buckets, and the highest bound beyond it.
    static func quantile(_ share: Double, _ counts: [UInt64], _ bounds: [Double]) -> Double? {
        let total = counts.reduce(0.0) { $0 + Double($1) }
        guard total > 0, counts.count == bounds.count + 1 else { return nil }
        var rest = share * total
        for (index, count) in counts.enumerated() {
            guard index < bounds.count else { break }
            if Double(count) >= rest, count > 0 {
                let lower = index == 0 ? min(0, bounds[0]) : bounds[index - 1]
                return lower + (bounds[index] - lower) * max(rest, 0) / Double(count)
            }
            rest -= Double(count)
        }
        return bounds.last
    }

    private struct Growth {
        var start, end, amount: Double
    }

    private func growth(_ count: KeyPath<Sample, Int?>) -> [Growth] {
        zip(samples, samples.dropFirst()).compactMap { former, next in
            guard let before = former[keyPath: count], let after = next[keyPath: count] else { return nil }
            let amount = after >= before ? Double(after) - Double(before) : Double(after)
            return Growth(start: former.time, end: next.time, amount: amount)
        }
    }

    /// Between two readings the count is taken to have grown evenly.
    private func rate(_ growth: [Growth], from start: Double, to end: Double) -> Double? {
        var amount = 0.0
        var seconds = 0.0
        for piece in growth {
            let overlap = min(end, piece.end) - max(start, piece.start)
            guard overlap > 0 else { continue }
            amount += piece.amount * overlap / (piece.end - piece.start)
            seconds += overlap
        }
        return seconds > 0 ? amount / seconds : nil
    }
}

extension History.Sample {
    fileprivate init(_ model: ModelReading, at time: Double) {
        self.time = time
        requests = (model.requestsRunning ?? 0).clampedSum(model.requestsWaiting ?? 0)
        inputTokens = model.inputTokens
        outputTokens = model.outputTokens
        timeToFirstToken = model.timeToFirstToken.flatMap(Self.kept)
        timePerOutputToken = model.timePerOutputToken.flatMap(Self.kept)
    }

    private static func kept(_ histogram: HistogramReading) -> HistogramReading? {
        histogram.bucketCounts.count <= History.bucketLimit ? histogram : nil
    }

    /// Bounds mostly stay the same, and need not be kept once for each sample.
    fileprivate mutating func shareBounds(with former: History.Sample) {
        for histogram in [\History.Sample.timeToFirstToken, \.timePerOutputToken] {
            guard let bounds = former[keyPath: histogram]?.bounds, self[keyPath: histogram]?.bounds == bounds else {
                continue
            }
            self[keyPath: histogram]?.bounds = bounds
        }
    }
}
