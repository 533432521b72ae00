// What users see of this package's own log: a line, its level and what it is about.

/// How important a line of this package's own log is, or the least important level that is written.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Helps to understand one poll or one export; many lines.
    case debug
    /// Happens a few times in the life of a process.
    case info
    /// Something does not work as configured; the process goes on without it.
    case warning
    /// Something that was asked for can't work at all.
    case error

    /// Less important levels come first.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// One line of this package's own log.
///
/// It holds no control characters and no secrets.
///
/// ```swift
/// configuration.logHandler = { entry in
///     print("\(entry.level): \(entry.message) \(entry.metadata)")
/// }
/// ```
///
/// A handler is called on any thread, on several at once, and never while this package holds a lock. It should return
/// quickly, because a background thread waits for it. It must neither flush nor shut down what logs: that would wait, until
/// its timeout, for the thread that the handler runs on.
public struct LogEntry: Sendable, Equatable {
    /// How important the line is.
    public var level: LogLevel
    /// One sentence in plain English.
    public var message: String
    /// What the line is about: `component` (`exporter`, `ollama`, `engines`, ...) and, where there is one, `endpoint`.
    public var metadata: [String: String]

    /// Makes a line, for tests of handlers.
    public init(level: LogLevel, message: String, metadata: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.metadata = metadata
    }
}
