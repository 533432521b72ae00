// The time stamps of snapshots.

/// Gives each snapshot the current date, but always later than the one before.
///
/// Backends refuse a request whose time goes back. Prometheus, which counts in milliseconds, also refuses another value
/// at the same time. So snapshots are at least a millisecond apart, even after the clock was set back.
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
