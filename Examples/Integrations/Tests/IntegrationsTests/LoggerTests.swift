import GenAIOtel
import InMemoryLogging
import Logging
import Testing

@testable import Integrations

@Suite("swift-log")
struct LoggerTests {
    @Test(
        "a line has its level, its metadata and the logger's, whatever level the logger has",
        arguments: [(LogLevel.debug, Logger.Level.debug), (.info, .info), (.warning, .warning), (.error, .error)]
    )
    func line(level: LogLevel, expected: Logger.Level) {
        let handler = InMemoryLogHandler()
        var logger = Logger(label: "genai-otel") { _ in handler }
        logger[metadataKey: "pod"] = "chat-7"
        logger.logLevel = .critical
        var configuration = GenAIConfiguration(environment: [:])
        configuration.log(to: logger)
        configuration.logHandler(LogEntry(level: level, message: "Text", metadata: ["component": "exporter"]))
        #expect(
            handler.entries == [
                .init(level: expected, message: "Text", metadata: ["pod": "chat-7", "component": "exporter"])
            ]
        )
    }
}
