// The time that snapshots are stamped with.

/// Gives each snapshot its time: the date, but never the same or an earlier one again.
///
/// Backends refuse a request whose time went back, and Prometheus, which counts milliseconds, also one with another value
/// at the same time. So two snapshots are at least a millisecond apart, also while a clock that was set back catches up.
struct SnapshotClock: Sendable {
    private static let smallestStep: UInt64 = 1_000_000

    private let timeSource: any TimeSource
    private let last: Locked<UInt64>

    /// - Parameter start: every snapshot's time is later; nanoseconds since 1970-01-01 UTC.
    init(_ timeSource: any TimeSource, after start: UInt64 = 0) {
        self.timeSource = timeSource
        last = Locked(start)
    }

    /// Nanoseconds since 1970-01-01 UTC.
    func next() -> UInt64 {
        let now = timeSource.unixNanoseconds
        return last.withLock { last in
            last = max(now, last + Self.smallestStep)
            return last
        }
    }
}
