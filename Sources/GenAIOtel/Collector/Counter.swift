// The counters of a polled server, each with a known start.

import GenAISupport

/// A sum or a histogram of a polled server: the sum over the replicas of one model.
///
/// If a replica does not tell its start, counting begins with its first reading. A value that falls means a restart: all of the
/// new value was counted since. While other replicas go on, the restart of one is not a restart of the sum.
struct Counter: Sendable {
    /// The value of one replica.
    struct Part: Sendable {
        /// Tells the replicas apart.
        var replica: String
        /// Clamped to the range of its figure.
        var value: FigureValue
        /// When the replica began to count, if it tells.
        var start: UInt64?
    }

    /// When counting began, in nanoseconds since 1970-01-01 UTC.
    private(set) var start: UInt64
    /// The count since the start.
    private(set) var value: FigureValue
    /// The total that this process has seen counted, over all restarts of the server.
    private(set) var accumulated: FigureValue
    /// The newest part of each replica, even of those that are missing at present.
    private(set) var latest: [String: Part] = [:]

    /// Nil without parts, or if they can't be added up: histograms with different bounds.
    ///
    /// - Parameters:
    ///   - now: the time of the reading.
    ///   - unseenSince: the count of a replica that began later can't have been exported before.
    init?(_ parts: [Part], now: UInt64, unseenSince: UInt64) {
        guard let first = parts.first?.value else { return nil }
        start = now
        value = first.zero
        accumulated = first.zero
        for part in parts {
            latest[part.replica] = part
            guard let partStart = part.start else { continue }
            start = min(start, partStart)
            guard let value = value.sum(with: part.value) else { return nil }
            self.value = value
            if partStart >= unseenSince { accumulated = accumulated.sum(with: part.value) ?? accumulated }
        }
    }

    /// Adds the parts of another reading.
    ///
    /// - Parameter unseenSince: when the server was last up.
    mutating func update(_ parts: [Part], now: UInt64, unseenSince: UInt64) {
        var counted: FigureValue?
        var restarts: [Part] = []
        var isContinued = false
        for part in parts {
            var new = part.value.zero
            if let former = latest[part.replica] {
                if part.isRestart(of: former) {
                    new = part.value
                    restarts.append(part)
                } else if part.value.hasBounds(of: former.value) {
                    new = part.value.subtracting(former.value)
                    isContinued = true
                } else {
                    // The page lacks a bucket. The next page will show what was counted.
                    isContinued = true
                    continue
                }
            } else if let start = part.start, start >= unseenSince {
                new = part.value
            }
            latest[part.replica] = part
            counted = counted.map { $0.sum(with: new) ?? new } ?? new
        }
        guard let counted else { return }
        accumulated = accumulated.sum(with: counted) ?? counted
        if !isContinued, !restarts.isEmpty {
            // A restart without a known start took place between the two readings.
            start = max(restarts.compactMap(\.start).min() ?? now, start.addingSaturated(1))
            value = counted
        } else if let sum = value.sum(with: counted) {
            value = sum
        } else {
            // Replicas with other bounds have replaced the former ones.
            start = max(unseenSince, start.addingSaturated(1))
            value = counted
        }
        forgetGoneReplicas(parts)
    }

    /// Counts one event that the poller has seen, such as the load of a model.
    mutating func countOneMore(now: UInt64) {
        guard let part = latest.values.first, let value = part.value.sum(with: .int(1)) else { return }
        update([Part(replica: part.replica, value: value, start: part.start)], now: now, unseenSince: now)
    }

    /// Replicas whose names change all the time must not fill the memory.
    private mutating func forgetGoneReplicas(_ present: [Part]) {
        guard latest.count > 2 * present.count + 64 else { return }
        let present = Set(present.map(\.replica))
        latest = latest.filter { present.contains($0.key) }
    }
}

extension Counter.Part {
    /// Whether the replica has started anew since it had the former value.
    fileprivate func isRestart(of former: Counter.Part) -> Bool {
        if let start, let formerStart = former.start {
            // A server that computes its start from its age does not report exactly the same start twice.
            return start > formerStart.addingSaturated(Self.startTolerance) || value.hasFallen(since: former.value)
        }
        return !value.hasBounds(of: former.value) || value.hasFallen(since: former.value)
    }

    /// In nanoseconds: a second, less than a restart takes.
    private static let startTolerance: UInt64 = 1_000_000_000
}

extension FigureValue {
    /// The same kind of value, with nothing counted.
    fileprivate var zero: FigureValue { subtracting(self) }

    fileprivate func hasBounds(of other: FigureValue) -> Bool {
        guard case .histogram(let own) = self, case .histogram(let other) = other else { return true }
        return own.bounds == other.bounds
    }

    /// Whether a counter that has this value now had a larger one earlier, in the same bounds.
    fileprivate func hasFallen(since earlier: FigureValue) -> Bool {
        switch (self, earlier) {
        case (.int(let new), .int(let old)): new < old
        case (.histogram(let new), .histogram(let old)) where new.bounds == old.bounds:
            // Sums that are added in another order differ in their last digits.
            new.sum < old.sum - abs(old.sum) * 1e-9 || zip(new.bucketCounts, old.bucketCounts).contains { $0 < $1 }
        default: false
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
