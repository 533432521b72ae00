// What asking a server once has shown.

/// The answer of a server that was asked once, for a start-up test or a tool: `EngineTarget.check()` and
/// `OllamaConfiguration.check()` make it.
///
/// ```swift
/// let check = await EngineTarget(url: url).check()
/// print(check.reading.server.engine ?? "unknown", check.version ?? "", check.reading.problem ?? "can be read")
/// ```
public struct ServerCheck: Sendable, Equatable {
    /// What it told: which engine it is, and its figures, or ``ServerReading/problem``.
    public var reading: ServerReading
    /// Its version, if it tells; without control characters.
    public var version: String?
    /// What could not be read besides, and why: what a poller would log as warnings. No secrets, no control characters.
    public var remarks: [String]

    /// Makes an answer, for tests of code that uses one.
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

    /// Writes here, from warnings on.
    package var log: Log {
        Log(level: .warning) { [texts] entry in texts.withLock { $0.append(entry.message) } }
    }

    /// The lines, but for those that say why the whole server can't be read: the reading says that.
    package func remarks(besides problem: String?) -> [String] {
        texts.withLock { $0 }.filter { line in problem.map { !line.hasSuffix($0) } ?? true }
    }
}
