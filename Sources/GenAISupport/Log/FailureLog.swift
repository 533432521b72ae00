// Keeps a repeated failure from filling the log.

/// Logs a repeated failure once at its start, then at most once a minute with a count, and once when it is over.
package final class FailureLog: Sendable {
    private struct Failures {
        var suppressed = 0
        var total = 0
        var lastLogged: ContinuousClock.Instant
    }

    /// The shortest time between two lines about a failure that goes on.
    package static let reminderInterval: Duration = .seconds(60)

    private let log: Log
    private let timeSource: any TimeSource
    private let failures = Locked<Failures?>(nil)

    package init(log: Log, timeSource: any TimeSource = SystemTimeSource()) {
        self.log = log
        self.timeSource = timeSource
    }

    /// Counts a failure. Logs it if it is the first in a row, or if the last line about it is a minute old.
    package func failed(_ level: LogLevel, _ message: @autoclosure () -> String) {
        let now = timeSource.now
        let suppressed: Int? = failures.withLock { failures in
            guard var current = failures else {
                failures = Failures(total: 1, lastLogged: now)
                return 0
            }
            current.total += 1
            defer { failures = current }
            guard current.lastLogged.duration(to: now) >= Self.reminderInterval else {
                current.suppressed += 1
                return nil
            }
            defer { current.suppressed = 0 }
            current.lastLogged = now
            return current.suppressed
        }
        guard let suppressed else { return }
        log.write(level) {
            suppressed == 0 ? message() : "\(message()) (and \(suppressed) times since the last line about it)"
        }
    }

    /// Counts a success. Logs it if it ends a row of failures.
    package func succeeded(_ message: @autoclosure () -> String) {
        let ended: Failures? = failures.withLock { failures in
            defer { failures = nil }
            return failures
        }
        guard let ended else { return }
        log.info("\(message()) (after \(ended.total) \(ended.total == 1 ? "failure" : "failures"))")
    }
}
