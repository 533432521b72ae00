// The settings: each is read from the environment and can be changed in code.

import EnginePoller
import Foundation
import GPUPoller
import OllamaPoller

/// The settings of ``instrument(_:)``.
///
/// `GenAIConfiguration()` reads the environment; each property names its variable and default. Values set in code win.
/// An unusable value is replaced by its default, with one warning when instrumentation starts.
///
/// ```swift
/// var configuration = GenAIConfiguration()
/// configuration.serviceName = "chat"
/// configuration.exportInterval = .seconds(15)
/// instrument(configuration)
/// ```
public struct GenAIConfiguration: Sendable {
    /// Name of the service, resource attribute `service.name`.
    ///
    /// `OTEL_SERVICE_NAME`, then `service.name` in `OTEL_RESOURCE_ATTRIBUTES`; default
    /// `unknown_service:<process name>`.
    public var serviceName: String

    /// Further resource attributes. They win over those that the package sets itself.
    ///
    /// `OTEL_RESOURCE_ATTRIBUTES`, without `service.name`. A `service.name` set here wins over ``serviceName``.
    public var resourceAttributes: [String: String]

    /// Turns exporting and polling off; the collector still works. `OTEL_SDK_DISABLED`, default false.
    public var isDisabled: Bool

    /// Where metrics go; empty for nowhere. `OTEL_METRICS_EXPORTER`, default OTLP.
    public var exporters: [MetricsExporter]

    /// Time from the start of one export to the next, more than 0. `OTEL_METRIC_EXPORT_INTERVAL`, default 60 s.
    public var exportInterval: Duration

    /// The time limit of one export, collecting included, more than 0. `OTEL_METRIC_EXPORT_TIMEOUT`, default 30 s.
    public var exportTimeout: Duration

    /// How metrics are sent over OTLP/HTTP.
    public var otlp: OTLPConfiguration

    /// The Ollama server to poll; nil for none. `GENAI_ENABLE_OLLAMA_SERVER_METRICS`, default true, and the
    /// variables that ``OllamaConfiguration`` names.
    public var ollama: OllamaConfiguration?

    /// The serving engines (vLLM, TGI, SGLang, llama.cpp, ...) whose `/metrics` to poll.
    /// `GENAI_SERVER_METRICS_TARGETS`, `GENAI_SERVER_METRICS_INTERVAL`; default none.
    public var engines: [EngineTarget]

    /// Servers that the application reads itself, polled like the built-in ones. Each needs a `server` of its own: of two with
    /// one identity each overwrites the other, and a warning says so.
    public var sources: [any ServerMetricsSource] = []

    /// How this machine's GPUs are read; nil for not at all. `GENAI_ENABLE_GPU_METRICS`, default true, and the variables that
    /// ``GPUConfiguration`` names. Where there is no GPU, nothing is reported.
    public var gpus: GPUConfiguration?

    /// How tracked requests are counted.
    public var requests: RequestConfiguration

    /// The most models that each metric distinguishes, at least 1. Further ones share one point. Default 2000.
    public var cardinalityLimit: Int

    /// The least important level that is logged; nil logs nothing. `GENAI_LOG_LEVEL`, then `OTEL_LOG_LEVEL`; default
    /// info.
    public var logLevel: LogLevel?

    /// Where the package's own log goes. Default: standard error.
    public var logHandler: @Sendable (LogEntry) -> Void

    /// One line for each variable that could not be used. ``instrument(_:)`` logs them.
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
