// One line of this package's own log, as log handlers receive it.

/// How important a line of this package's own log is, or the least important level that is written.
///
/// Levels compare by importance: `.debug < .error`. A value: safe to pass between threads.
///
/// ```swift
/// configuration.logLevel = .warning  // nil logs nothing
/// ```
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Details of single polls and exports; many lines.
    case debug
    /// Events that happen a few times in the life of a process, such as a server that is found.
    case info
    /// Something does not work as configured; the package goes on without it.
    case warning
    /// A part of the package can't work at all.
    case error

    /// Whether the first level is less important than the second.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// One line of this package's own log, as log handlers receive it. It contains no control characters and no
/// secrets. A value: safe to pass between threads.
///
/// ```swift
/// configuration.logHandler = { entry in
///     print("\(entry.level): \(entry.message) \(entry.metadata)")
/// }
/// ```
///
/// A handler is called on any thread, possibly on several at once, but never while this package holds a lock. It should
/// return quickly, because a background thread waits for it. It must not call `forceFlush` or `shutdown`: these would
/// wait for the thread that the handler runs on, until their timeout.
public struct LogEntry: Sendable, Equatable {
    /// How important the line is.
    public var level: LogLevel
    /// One sentence in plain English.
    public var message: String
    /// Where the line comes from: `component` (`exporter`, `ollama`, `engines`, `sources`, `gpus`), and `endpoint` where one is
    /// concerned. Empty for lines about the whole package.
    public var metadata: [String: String]

    /// Makes a line, for tests of log handlers. Nothing is checked or escaped here.
    ///
    /// - Parameters:
    ///   - level: how important the line is.
    ///   - message: one sentence.
    ///   - metadata: where the line comes from; by default nothing.
    public init(level: LogLevel, message: String, metadata: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.metadata = metadata
    }
}
