// What users see of this package's own log: its levels and where its lines go.

/// How important a line of this package's own log is, or from which importance on lines are written.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// What helps to understand one poll or one export; many lines.
    case debug
    /// What happens a few times in the life of a process.
    case info
    /// Something does not work as configured; the process goes on without it.
    case warning
    /// Something that was asked for can't work at all.
    case error
    /// As a threshold: nothing is written. No line has this level.
    case off

    /// Less important levels come first.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Receives the lines of this package's own log that pass the level.
///
/// Called on any thread, also on several at once, and never with a lock held. A line holds no control characters and no
/// secrets. The handler should return quickly: a background thread waits for it. It must neither shut down nor flush what
/// logs: that would wait for the thread that the handler is called on, until its timeout.
public typealias LogHandler = @Sendable (_ level: LogLevel, _ message: String) -> Void
