// A log handler that keeps what it is given.

import GenAISupport

/// Collects log lines and lets a test wait for one.
package final class LogRecorder: Sendable {
    private let recorded = Monitor<[LogEntry]>([])

    package init() {}

    package var handler: Log.Handler {
        { [recorded] entry in recorded.mutate { $0.append(entry) } }
    }

    /// A log that writes here.
    package func log(_ level: LogLevel? = .debug) -> Log { Log(level: level, handler: handler) }

    package var lines: [LogEntry] { recorded.read { $0 } }
    package var messages: [String] { lines.map(\.message) }

    package func lines(_ level: LogLevel) -> [String] {
        lines.filter { $0.level == level }.map(\.message)
    }

    /// Waits up to a minute for a line that contains `text`.
    package func waitForLine(containing text: String) -> LogEntry? {
        recorded.wait(until: .now + .seconds(60)) { lines in lines.first { $0.message.contains(text) } }
    }
}
