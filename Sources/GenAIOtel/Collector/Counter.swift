// What a polled server counts, from a start on that is known.

import GenAISupport

/// A sum or a histogram of a polled server.
///
/// Where the server does not tell its start, counting begins with the first reading: what had been counted before is
/// subtracted. A value that falls is a restart, and then all of it was counted since.
struct Counter: Sendable {
    /// When counting began, in nanoseconds since 1970-01-01 UTC.
    private(set) var start: UInt64
    /// What this process has seen counted, over restarts of the server.
    private(set) var accumulated: FigureValue
    private var latest: FigureValue
    /// What had been counted before the start; nil for nothing.
    private var before: FigureValue?
    /// The start that the server told last, since its last restart.
    private var toldStart: UInt64?

    /// - Parameters:
    ///   - first: the first value, in the range of its row.
    ///   - toldStart: when the server began to count, if it tells.
    ///   - now: the time of the reading.
    ///   - unseenSince: only a server that began after this moment has counted nothing before that this process or another
    ///     one may have exported.
    init(_ first: FigureValue, toldStart: UInt64?, now: UInt64, unseenSince: UInt64) {
        latest = first
        start = toldStart ?? now
        before = toldStart == nil ? first : nil
        self.toldStart = toldStart
        let isNew = toldStart.map { $0 >= unseenSince } ?? false
        accumulated = isNew ? first : first.subtracting(first)
    }

    /// What was counted since the start.
    var value: FigureValue { before.map { latest.subtracting($0) } ?? latest }

    /// Takes over the value of another reading.
    mutating func update(_ value: FigureValue, toldStart told: UInt64?, now: UInt64) {
        let newStart = told.flatMap { isLater($0) ? $0 : nil }
        let isRestart = newStart != nil || value.hasFallen(since: latest)
        if isRestart {
            // One that is not told took place between the two readings.
            start = newStart ?? max(now, start.addingSaturated(1))
            before = nil
            toldStart = newStart
        } else {
            // A start that is worked out from an age drifts.
            toldStart = told ?? toldStart
        }
        let new = isRestart ? value : value.subtracting(latest)
        // Histograms with other bounds can't be added up.
        accumulated = accumulated.sum(with: new) ?? value
        latest = value
    }

    /// Whether a told start is another one than that before. A server that works its start out from its age does not give
    /// the same one twice.
    private func isLater(_ told: UInt64) -> Bool {
        guard let toldStart else { return false }
        return told > toldStart.addingSaturated(Self.startTolerance)
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
            // Sums of replicas that are added in another order differ in their last digits.
            new.bounds != old.bounds || new.sum < old.sum - abs(old.sum) * 1e-9
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
