// How the agent configures the library.

import GenAIOtel
import Logging

extension GenAIConfiguration {
    /// The environment's configuration, with the agent's defaults where the environment says nothing.
    init(agentEnvironment environment: [String: String], logger: Logger) {
        self.init(environment: environment)
        func isSet(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        if !isSet("OTEL_SERVICE_NAME"), resourceAttributes["service.name"] == nil { serviceName = "genai-agent" }
        // Nothing listens at the default endpoint of most who start it: they have /metrics.
        let endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]
        if !isSet("OTEL_METRICS_EXPORTER"), !endpoints.contains(where: isSet) { exporters = [] }
        logHandler = Self.handler(logger)
    }

    /// Hands the library's lines to swift-log. Which of them there are is `GENAI_LOG_LEVEL`'s to say, so the logger takes
    /// them all.
    private static func handler(_ logger: Logger) -> @Sendable (LogEntry) -> Void {
        var logger = logger
        logger.logLevel = .trace
        return { [logger] entry in
            logger.log(
                level: Logger.Level(entry.level),
                "\(entry.message)",
                metadata: entry.metadata.mapValues { "\($0)" }
            )
        }
    }
}

extension Logger.Level {
    fileprivate init(_ level: LogLevel) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
