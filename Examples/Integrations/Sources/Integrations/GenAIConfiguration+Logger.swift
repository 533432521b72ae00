// Sends the library's log to swift-log.

import GenAIOtel
import Logging

extension GenAIConfiguration {
    /// Sends the log to a logger; each line has its own metadata beside the logger's.
    ///
    /// ``logLevel`` says which lines there are (`GENAI_LOG_LEVEL`), so the logger takes them all.
    mutating func log(to logger: Logger) {
        var logger = logger
        logger.logLevel = .trace
        logHandler = { [logger] line in
            logger.log(
                level: Logger.Level(line.level),
                "\(line.message)",
                metadata: line.metadata.mapValues { "\($0)" }
            )
        }
    }
}

extension Logger.Level {
    init(_ level: LogLevel) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
