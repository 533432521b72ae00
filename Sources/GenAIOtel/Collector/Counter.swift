// What a polled server counts, from a start on that is known.

import GenAISupport

/// A sum or a histogram of a polled server.
///
/// Where the server does not tell its start, counting begins with the first reading: what had been counted before is
/// subtracted. A value that falls is a restart, and then all of it was counted since.
struct Counter: Sendable {
    /// When counting began, in nanoseconds since 1970-01-01 UTC.
    private(set) var start: UInt64
    /// What this process has seen counted, over restarts of the server. What the server counted before this process began is
    /// not in it: another process may have exported that.
    private(set) var accumulated: FigureValue
    private var latest: FigureValue
    /// What had been counted before the start; nil for nothing.
    private var before: FigureValue?

    /// - Parameters:
    ///   - first: the first value, in the range of its row.
    ///   - knownStart: when the server began to count, if it tells.
    ///   - now: the time of the reading.
    ///   - processStart: when this process began to count.
    init(_ first: FigureValue, knownStart: UInt64?, now: UInt64, processStart: UInt64) {
        latest = first
        start = knownStart ?? now
        before = knownStart == nil ? first : nil
        accumulated = (knownStart ?? 0) < processStart ? first.subtracting(first) : first
    }

    /// What was counted since the start.
    var value: FigureValue { before.map { latest.subtracting($0) } ?? latest }

    /// Takes over the value of another reading.
    mutating func update(_ value: FigureValue, knownStart: UInt64?, now: UInt64) {
        let newStart = knownStart.flatMap { isAnother($0) ? $0 : nil }
        let isRestart = newStart != nil || value.hasFallen(since: latest)
        if isRestart {
            // One that is not told took place between the two readings.
            start = newStart ?? max(now, start + 1)
            before = nil
        }
        let new = isRestart ? value : value.subtracting(latest)
        // Histograms with other bounds can't be added up.
        accumulated = accumulated.merged(with: new, .sum) ?? value
        latest = value
    }

    /// A server that works its start out from its age does not give the same one twice.
    private func isAnother(_ knownStart: UInt64) -> Bool {
        max(knownStart, start) - min(knownStart, start) > Self.startTolerance
    }

    /// In nanoseconds: a second, less than a restart takes.
    private static let startTolerance: UInt64 = 1_000_000_000
}

extension FigureValue {
    /// Whether a counter with this value has started anew since it had the other one.
    fileprivate func hasFallen(since earlier: FigureValue) -> Bool {
        switch (self, earlier) {
        case (.int(let new), .int(let old)): new < old
        case (.histogram(let new), .histogram(let old)):
            new.bounds != old.bounds || new.sum < old.sum
                || zip(new.bucketCounts, old.bucketCounts).contains { $0 < $1 }
        default: true
        }
    }

    fileprivate func subtracting(_ earlier: FigureValue) -> FigureValue {
        switch (self, earlier) {
        case (.int(let new), .int(let old)): .int(new.subtractingAsCount(old))
        case (.histogram(let new), .histogram(let old)):
            .histogram(
                HistogramReading(
                    bounds: new.bounds,
                    bucketCounts: zip(new.bucketCounts, old.bucketCounts).map { $0.subtractingSaturated($1) },
                    sum: max(new.sum - old.sum, 0)
                )
            )
        default: self
        }
    }
}
