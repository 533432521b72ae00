import Configuration
import GenAIOtel
import Instrumentation
import Logging
import Metrics
import Testing
import Tracing

extension ServerTests {
    /// A server imports these modules side by side. So does this file, with no module's name before a type's: if two of
    /// the modules had a type of one name, it would not compile.
    @Suite("GenAIOtel beside swift-log, swift-metrics, swift-distributed-tracing and swift-configuration")
    struct NamesTests {
        /// What a server's start does with all of them: settings by one, lines of the log to another, spans and metrics by two.
        private func settings(from reader: ConfigReader, to logger: Logger) -> GenAIConfiguration {
            var configuration = GenAIConfiguration(environment: [:])
            configuration.exporters = []
            configuration.ollama = nil
            configuration.serviceName = reader.string(forKey: "service.name", default: "server")
            configuration.logLevel = LogLevel.debug
            configuration.logHandler = { (entry: LogEntry) in logger.log(level: level(of: entry), "\(entry.message)") }
            return configuration
        }

        @Test("settings, log, spans and metrics of four packages and of this one in one file")
        func together() {
            let lines = Lines()
            let logger = Logger(label: "genai") { _ in lines }
            let reader = ConfigReader(
                provider: InMemoryProvider(values: ["service.name": "the reader's"])
            )
            let configuration = settings(from: reader, to: logger)
            #expect(configuration.serviceName == "the reader's")

            let instrumentation: GenAIInstrumentation = instrument(configuration)
            defer { instrumentation.shutdown() }
            let collector: ServerMetricsCollector? = getServerMetrics()
            collector?.setRequestsRunning(3)
            collector?.record(ServerReading(server: ServerIdentity(engine: "mine", address: "host", port: 1)))
            #expect(instrumentation.prometheusText().contains("gen_ai_server_requests_running 3"))

            let tracer: any Tracer = InstrumentationSystem.tracer
            let result = tracer.withSpan("chat") { (span: any Span) in
                let context: ServiceContext = span.context
                Counter(label: "requests").increment()
                Gauge(label: "waiting").record(1)
                return collector?.trackRequest(model: "m") { (request: ServerRequest) in
                    request.markFirstToken()
                    return context.isEmpty
                }
            }
            #expect(result == true)
        }
    }
}

/// The level of a line that this package hands on, in swift-log's terms.
private func level(of entry: LogEntry) -> Logger.Level {
    switch entry.level {
    case .debug: .debug
    case .info: .info
    case .warning: .warning
    case .error: .error
    }
}

/// Where lines of the log go.
private struct Lines: LogHandler {
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {}
}
