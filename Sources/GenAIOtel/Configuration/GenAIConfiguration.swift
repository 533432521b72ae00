// What can be set: every field starts from the environment and can be overridden in code.

import EnginePoller
import Foundation
import OllamaPoller

/// The settings of ``instrument(_:)``.
///
/// `GenAIConfiguration()` reads the environment; each property names its variable and default. What code assigns afterwards
/// wins over the environment. A value that can't be used, in the environment or in code, is replaced by its default, with
/// one warning when instrumentation starts.
public struct GenAIConfiguration: Sendable {
    /// Name of the service, resource attribute `service.name`.
    ///
    /// `OTEL_SERVICE_NAME`, then `service.name` in `OTEL_RESOURCE_ATTRIBUTES`; default `unknown_service:<process name>`.
    public var serviceName: String

    /// Further resource attributes, beside those that the package finds out by itself (they can be overridden here).
    ///
    /// `OTEL_RESOURCE_ATTRIBUTES`, without `service.name`. If code sets that here, it wins over ``serviceName``.
    public var resourceAttributes: [String: String]

    /// Whether nothing is exported or polled; the collector works all the same. `OTEL_SDK_DISABLED`, default false.
    public var isDisabled: Bool

    /// Where metrics go; empty for nowhere. `OTEL_METRICS_EXPORTER`, default OTLP.
    public var exporters: [MetricsExporter]

    /// Time from one export's start to the next, more than 0. `OTEL_METRIC_EXPORT_INTERVAL`, default 60 s.
    public var exportInterval: Duration

    /// The longest that collecting and exporting once may take, more than 0. `OTEL_METRIC_EXPORT_TIMEOUT`, default 30 s.
    public var exportTimeout: Duration

    /// How metrics are sent over OTLP/HTTP.
    public var otlp: OTLPConfiguration

    /// The Ollama server that is polled; nil for none. `GENAI_ENABLE_OLLAMA_SERVER_METRICS`, default true, and the variables
    /// that ``OllamaConfiguration`` names.
    public var ollama: OllamaConfiguration?

    /// The serving engines (vLLM, TGI, SGLang, llama.cpp, ...) whose `/metrics` are polled.
    /// `GENAI_SERVER_METRICS_TARGETS`, `GENAI_SERVER_METRICS_INTERVAL`; default none.
    public var engines: [EngineTarget]

    /// Servers of the application's own kind that are polled like the built-in ones.
    public var sources: [any ServerMetricsSource] = []

    /// How many models each metric tells apart, at least 1; new ones beyond it share one point. Default 2000.
    public var cardinalityLimit: Int

    /// The least important level that the package logs; nil logs nothing. `GENAI_LOG_LEVEL`, then `OTEL_LOG_LEVEL`; default
    /// info.
    public var logLevel: LogLevel?

    /// Where the package's own log goes. Default: standard error.
    public var logHandler: @Sendable (LogEntry) -> Void

    /// What in the environment could not be used, one line each; ``instrument(_:)`` logs them.
    public internal(set) var warnings: [String]
}

/// A place that metrics can be exported to.
public enum MetricsExporter: Sendable, Hashable, CaseIterable {
    /// OTLP over HTTP with JSON, to a Collector or any backend that receives it.
    case otlp
    /// Readable text on standard output, for development.
    case console
}

extension GenAIConfiguration {
    static let defaultExportInterval: Duration = .seconds(60)
    static let defaultExportTimeout: Duration = .seconds(30)
    static let defaultCardinalityLimit = 2000
}
