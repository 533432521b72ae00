// The result of asking a server once.

/// The result of asking a server once, for a start-up test or a tool.
///
/// `EngineTarget.check()` and `OllamaConfiguration.check()` make it. A value: safe to pass between threads.
///
/// ```swift
/// let check = await EngineTarget(url: url).check()
/// print(check.reading.server.engine ?? "unknown", check.version ?? "", check.reading.problem ?? "can be read")
/// ```
public struct ServerCheck: Sendable, Equatable {
    /// The server's identity and figures, or the reason why it can't be read (``ServerReading/problem``).
    public var reading: ServerReading
    /// The server's version, without control characters; nil if it does not tell.
    public var version: String?
    /// What else could not be read, and why: the lines that a poller would log as warnings. No secrets, no control
    /// characters.
    public var remarks: [String]

    /// Makes a result, for tests of code that uses one.
    ///
    /// - Parameters:
    ///   - reading: the server's identity and figures.
    ///   - version: the server's version; nil if it does not tell.
    ///   - remarks: what else could not be read.
    public init(reading: ServerReading, version: String? = nil, remarks: [String] = []) {
        self.reading = reading
        self.version = version
        self.remarks = remarks
    }
}

/// Collects the warnings of one check.
package final class RemarkRecorder: Sendable {
    private let texts = Locked<[String]>([])

    package init() {}

    /// A log that records its warnings and errors here.
    package var log: Log {
        Log(level: .warning) { [texts] entry in texts.withLock { $0.append(entry.message) } }
    }

    /// The recorded lines, without those that say why the whole server can't be read: the reading says that.
    package func remarks(besides problem: String?) -> [String] {
        texts.withLock { $0 }.filter { line in problem.map { !line.hasSuffix($0) } ?? true }
    }
}
