// What a model has told over the last minute: rates, percentiles and a sparkline.

import Foundation
import GenAIOtel

/// The readings of one model on one server over the last minute.
///
/// Counts that fall are a restart: what is counted since then counts.
struct History: Sendable {
    private struct Sample: Sendable {
        /// In seconds, on any clock that does not go back.
        var time: Double
        var model: ModelReading
    }

    /// In seconds.
    static let length = 60.0
    private static let limit = 600

    /// Of the last minute, and one before it, so that the whole minute is covered.
    private var samples: [Sample] = []

    mutating func record(_ model: ModelReading, at time: Double) {
        if let last = samples.last, time <= last.time { samples.removeLast() }
        samples.append(Sample(time: time, model: model))
        let isDispensable = { (samples: [Sample]) in
            samples.count > 2 && (samples[1].time <= time - Self.length || samples.count > Self.limit)
        }
        while isDispensable(samples) { samples.removeFirst() }
    }

    var newest: ModelReading? { samples.last?.model }

    /// The most requests that ran and waited at one time.
    var peakRequests: Int {
        samples.map { ($0.model.requestsRunning ?? 0).clampedSum($0.model.requestsWaiting ?? 0) }.max() ?? 0
    }

    /// What was counted per second over the last seconds; nil with fewer than two readings.
    func rate(_ count: KeyPath<ModelReading, Int?>, over seconds: Double = 10) -> Double? {
        guard let end = samples.last?.time else { return nil }
        return rate(growth(count), from: end - seconds, to: end)
    }

    /// The rate in each part of the last minute, oldest first; nil where nobody looked.
    func rates(_ count: KeyPath<ModelReading, Int?>, parts: Int) -> [Double?] {
        guard let end = samples.last?.time, parts > 0 else { return [] }
        let growth = growth(count)
        let length = Self.length / Double(parts)
        return (0..<parts).map { part in
            let start = end - Self.length + Double(part) * length
            return rate(growth, from: start, to: start + length)
        }
    }

    /// The value below which this share of the last minute's values lies, in seconds; nil if there were none.
    func quantile(_ share: Double, _ histogram: KeyPath<ModelReading, HistogramReading?>) -> Double? {
        let readings = samples.compactMap { $0.model[keyPath: histogram] }
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

    private func growth(_ count: KeyPath<ModelReading, Int?>) -> [Growth] {
        zip(samples, samples.dropFirst()).compactMap { former, next in
            guard let before = former.model[keyPath: count], let after = next.model[keyPath: count] else { return nil }
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
