// The package's own log: filters lines by level, escapes them and passes them to a handler.

import Foundation

/// Passes lines to a log handler.
package struct Log: Sendable {
    package typealias Handler = @Sendable (LogEntry) -> Void

    /// The least important level that is written; nil writes nothing.
    private let level: LogLevel?
    private let metadata: [String: String]
    private let handler: Handler

    package init(
        level: LogLevel? = .info,
        metadata: [String: String] = [:],
        handler: @escaping Handler = Log.standardError
    ) {
        self.level = level
        self.metadata = metadata
        self.handler = handler
    }

    /// The same log, with more metadata on every line.
    package func about(_ more: [String: String]) -> Log {
        Log(level: level, metadata: metadata.merging(more) { $1 }, handler: handler)
    }

    package func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
    package func info(_ message: @autoclosure () -> String) { write(.info, message) }
    package func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
    package func error(_ message: @autoclosure () -> String) { write(.error, message) }

    package func write(_ level: LogLevel, _ message: () -> String) {
        guard let least = self.level, level >= least else { return }
        handler(
            LogEntry(
                level: level,
                message: escapingControlCharacters(message()),
                metadata: metadata.mapValues(escapingControlCharacters)
            )
        )
    }

    /// The default handler: `<time> WARNING [genai-otel] <message>` on standard error.
    @Sendable
    package static func standardError(_ entry: LogEntry) {
        let level = String(describing: entry.level).uppercased()
        let line = "\(timestamp(time(nil))) \(level) [genai-otel] \(entry.message)\n"
        // Without stdio: each line is one write, so lines of several threads do not mix.
        try? BrokenPipeSignal.ignored { try FileHandle.standardError.write(contentsOf: Data(line.utf8)) }
    }

    /// The moment in UTC, `2026-11-25T23:21:22Z`. Foundation's formatting would be the longest part of `instrument()`.
    package static func timestamp(_ moment: time_t) -> String {
        var moment = moment
        var parts = tm()
        gmtime_r(&moment, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}

/// The text with control characters, line separators and text-direction overrides written as `\n`, `\u{1b}` and so on.
///
/// Without this, a server could forge log lines or move a terminal's cursor.
package func escapingControlCharacters(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: \.isUnsafeToPrint) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        result += scalar.isUnsafeToPrint ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return result
}

/// The text escaped, in quotes and cut to `limit` characters, for quoting input in a message.
package func quoted(_ text: String, limit: Int = 100) -> String {
    let start = text.unicodeScalars.prefix(limit)
    let isCut = start.endIndex < text.unicodeScalars.endIndex
    return "\"\(escapingControlCharacters(String(String.UnicodeScalarView(start))))\(isCut ? "…" : "")\""
}

extension Unicode.Scalar {
    fileprivate var isUnsafeToPrint: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
