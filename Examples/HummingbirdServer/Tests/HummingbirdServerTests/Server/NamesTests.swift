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
        /// Each name means one type, whichever modules are imported beside it.
        private static let types: [Any.Type] = [
            GenAIConfiguration.self, OTLPConfiguration.self, OllamaConfiguration.self, MetricsExporter.self,
            EngineTarget.self, GenAIInstrumentation.self, ExportStatistics.self, ServerMetricsCollector.self,
            ServerRequest.self, ServerReading.self, ServerIdentity.self, ModelReading.self, LogLevel.self,
            LogEntry.self, (any ServerMetricsSource).self,
            Logger.self, LoggingSystem.self, (any LogHandler).self,
            Counter.self, Gauge.self, Recorder.self, Meter.self, MetricsSystem.self,
            InstrumentationSystem.self, (any Instrument).self, (any Tracer).self, (any Span).self, ServiceContext.self,
            ConfigReader.self, ConfigKey.self, InMemoryProvider.self,
        ]

        /// The reader's settings for this package, whose log goes to the logger.
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
            #expect(Set(Self.types.map { ObjectIdentifier($0) }).count == Self.types.count)
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
