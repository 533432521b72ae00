// One line of this package's own log, as log handlers receive it.

/// How important a line of this package's own log is, or the least important level that is written.
///
/// ```swift
/// configuration.logLevel = .warning  // nil logs nothing
/// ```
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Details of single polls and exports; many lines.
    case debug
    /// Events that happen a few times in the life of a process.
    case info
    /// Something does not work as configured; the package goes on without it.
    case warning
    /// A part of the package can't work at all.
    case error

    /// Less important levels are smaller.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// One line of this package's own log.
///
/// It contains no control characters and no secrets.
///
/// ```swift
/// configuration.logHandler = { entry in
///     print("\(entry.level): \(entry.message) \(entry.metadata)")
/// }
/// ```
///
/// A handler is called on any thread, also on several at once, but never while this package holds a lock. It should
/// return quickly, because a background thread waits for it. It must not call `forceFlush` or `shutdown`: these would
/// wait for the thread that the handler runs on, until their timeout.
public struct LogEntry: Sendable, Equatable {
    /// How important the line is.
    public var level: LogLevel
    /// One sentence in plain English.
    public var message: String
    /// Where the line comes from: `component` (`exporter`, `ollama`, `engines`, `gpus`, ...) and mostly `endpoint`.
    public var metadata: [String: String]

    /// Makes a line, for tests of log handlers.
    public init(level: LogLevel, message: String, metadata: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.metadata = metadata
    }
}
