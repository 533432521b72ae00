// The settings: each is read from the environment and can be changed in code.

import EnginePoller
import Foundation
import GPUPoller
import OllamaPoller

/// The settings of ``instrument(_:)``.
///
/// `GenAIConfiguration()` reads the environment; each property names its variable and default. Values set in code win. An
/// unusable value is replaced by its default, with one warning from ``instrument(_:)``.
///
/// A value: safe to pass between threads. Changes after the call of ``instrument(_:)`` have no effect.
///
/// ```swift
/// var configuration = GenAIConfiguration()
/// configuration.serviceName = "chat"
/// configuration.exportInterval = .seconds(15)
/// instrument(configuration)
/// ```
public struct GenAIConfiguration: Sendable {
    /// Name of the service, resource attribute `service.name`. An empty one is replaced by the default.
    ///
    /// `OTEL_SERVICE_NAME`, then `service.name` in `OTEL_RESOURCE_ATTRIBUTES`; default
    /// `unknown_service:<process name>`.
    public var serviceName: String

    /// Further resource attributes. They win over those that the package sets itself.
    ///
    /// `OTEL_RESOURCE_ATTRIBUTES`, without `service.name`. A `service.name` set here wins over ``serviceName``.
    ///
    /// ```swift
    /// configuration.resourceAttributes["deployment.environment.name"] = "production"
    /// ```
    public var resourceAttributes: [String: String]

    /// Turns exporting and polling off. The collector still works, and ``GenAIInstrumentation/prometheusText()`` shows its
    /// values. `OTEL_SDK_DISABLED`, default false.
    public var isDisabled: Bool

    /// Where metrics are exported to; empty for nowhere. `OTEL_METRICS_EXPORTER`, default ``MetricsExporter/otlp``.
    public var exporters: [MetricsExporter]

    /// Time from the start of one export to the next, more than 0 and at most a year. `OTEL_METRIC_EXPORT_INTERVAL`, in
    /// milliseconds, default 60 s.
    public var exportInterval: Duration

    /// The time limit of one export, collecting included, more than 0 and at most a year. `OTEL_METRIC_EXPORT_TIMEOUT`, in
    /// milliseconds, default 30 s.
    public var exportTimeout: Duration

    /// How metrics are sent over OTLP/HTTP.
    public var otlp: OTLPConfiguration

    /// The Ollama server to poll; nil for none. `GENAI_ENABLE_OLLAMA_SERVER_METRICS`, default true, and the
    /// variables that ``OllamaConfiguration`` names.
    public var ollama: OllamaConfiguration?

    /// The serving engines (vLLM, TGI, SGLang, llama.cpp, ...) to poll. `GENAI_SERVER_METRICS_TARGETS`, and the variables
    /// that ``EngineTarget`` names; default none.
    ///
    /// ``GenAIInstrumentation/setEngines(_:)`` replaces them while the process runs.
    public var engines: [EngineTarget]

    /// Servers that the application reads itself, polled like the engines. Default none.
    ///
    /// Each needs an identity (``ServerMetricsSource/server``) of its own. Two with the same identity overwrite each other,
    /// and a warning says so.
    public var sources: [any ServerMetricsSource] = []

    /// How this machine's GPUs are read; nil turns it off. `GENAI_ENABLE_GPU_METRICS`, default true, and the variables that
    /// ``GPUConfiguration`` names. Where there is no GPU, nothing is reported.
    public var gpus: GPUConfiguration?

    /// How tracked requests are counted: your own attributes, objectives, traces, buckets.
    public var requests: RequestConfiguration

    /// The most models, or kinds of tracked requests, that each metric tells apart, 1 or more. Default 2000.
    ///
    /// New ones beyond the limit share one point, with the attribute `otel.metric.overflow`, and one warning is logged.
    public var cardinalityLimit: Int

    /// The least important level that is logged; nil logs nothing. `GENAI_LOG_LEVEL`, then `OTEL_LOG_LEVEL`; default
    /// ``LogLevel/info``.
    public var logLevel: LogLevel?

    /// Receives the package's own log. Default: it is written to standard error.
    ///
    /// It is called on any thread, possibly on several at once; ``LogEntry`` says what it must not do.
    ///
    /// ```swift
    /// configuration.logHandler = { entry in print(entry.level, entry.message) }
    /// ```
    public var logHandler: @Sendable (LogEntry) -> Void

    /// One sentence for each environment variable that could not be used. ``instrument(_:)`` logs them.
    public internal(set) var warnings: [String]
}

/// A place that metrics can be exported to: ``GenAIConfiguration/exporters``. A value: safe to pass between threads.
///
/// ```swift
/// configuration.exporters = [.otlp, .console]
/// ```
public enum MetricsExporter: Sendable, Hashable, CaseIterable {
    /// OTLP over HTTP, to an OpenTelemetry Collector or any backend that receives it; see ``OTLPConfiguration``.
    case otlp
    /// Readable text on standard output, for development.
    case console
}

extension GenAIConfiguration {
    static let defaultExportInterval: Duration = .seconds(60)
    static let defaultExportTimeout: Duration = .seconds(30)
    static let defaultCardinalityLimit = 2000
}
