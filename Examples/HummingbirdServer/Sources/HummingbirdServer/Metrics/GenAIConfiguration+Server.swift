// How this server configures its instrumentation.

import GenAIOtel
import Logging

extension GenAIConfiguration {
    /// The environment's configuration, with this server's defaults where the environment says nothing.
    init(serverEnvironment environment: [String: String], logger: Logger) {
        self.init(environment: environment)
        func isSet(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        if !isSet("OTEL_SERVICE_NAME"), resourceAttributes["service.name"] == nil { serviceName = "hummingbird-server" }
        // Nothing listens at the default endpoint of most who try this: they have /metrics.
        let endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]
        if !isSet("OTEL_METRICS_EXPORTER"), !endpoints.contains(where: isSet) { exporters = [] }
        requests.allowedAttributes = ["tenant"]
        requests.objectives = [
            RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
        ]
        requests.outcomeOfError = Self.outcome
        logHandler = Self.handler(logger)
    }

    /// The one place that says what an error counts as. What is none of these counts by the name of its type.
    @Sendable private static func outcome(of error: any Error) -> ServerRequest.Outcome? {
        switch error {
        case is ClientGone: .clientGone
        // Not the client's doing: what is still open when the time to end is over is cut off.
        case is CancellationError: .failure(errorType: "shutdown")
        case is QueueFull: .failure(errorType: "queue_full")
        case let error as EngineError: .failure(errorType: error.rawValue)
        default: nil
        }
    }

    /// Hands the library's lines to swift-log. Which of them there are is `GENAI_LOG_LEVEL`'s to say, so the logger
    /// takes them all.
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
