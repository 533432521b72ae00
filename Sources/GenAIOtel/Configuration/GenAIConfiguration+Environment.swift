// Reads the settings from the environment (OpenTelemetry environment-variable specification).

import EnginePoller
import Foundation
import GPUPoller
import OllamaPoller

extension GenAIConfiguration {
    /// Reads the settings from the environment. Never fails: see ``warnings``.
    ///
    /// - Parameter environment: variables by name; by default those of this process.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        isDisabled = reader.boolean("OTEL_SDK_DISABLED") ?? false
        exporters = Self.exporters(reading: &reader)
        exportInterval = reader.milliseconds("OTEL_METRIC_EXPORT_INTERVAL") ?? Self.defaultExportInterval
        exportTimeout = reader.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT") ?? Self.defaultExportTimeout
        otlp = OTLPConfiguration(reading: &reader)
        let pollsOllama = reader.boolean("GENAI_ENABLE_OLLAMA_SERVER_METRICS") ?? true
        ollama = pollsOllama ? OllamaConfiguration(reading: &reader) : nil
        engines = EngineTarget.targets(reading: &reader)
        let readsGPUs = reader.boolean("GENAI_ENABLE_GPU_METRICS") ?? true
        gpus = readsGPUs ? GPUConfiguration(reading: &reader) : nil
        requests = RequestConfiguration(reading: &reader)
        cardinalityLimit = Self.defaultCardinalityLimit
        logLevel = reader.first("GENAI_LOG_LEVEL", "OTEL_LOG_LEVEL") { $0.word($1, Self.logLevels) } ?? .info
        logHandler = Log.standardError
        var attributes = Dictionary(
            reader.keyValueList("OTEL_RESOURCE_ATTRIBUTES").map { ($0.key, $0.value) },
            uniquingKeysWith: { _, last in last }
        )
        let attributeName = attributes.removeValue(forKey: "service.name").flatMap {
            Resource.saysNothing($0) ? nil : $0
        }
        resourceAttributes = attributes
        serviceName = reader.text("OTEL_SERVICE_NAME") ?? attributeName ?? Self.defaultServiceName
        warnings = reader.warnings
    }

    /// The default of the resource semantic conventions.
    static var defaultServiceName: String { "unknown_service:\(ProcessInfo.processInfo.processName)" }

    private static let logLevels: KeyValuePairs<String, LogLevel?> = [
        "debug": .debug, "info": .info, "warning": .warning, "warn": .warning, "error": .error,
        "none": nil, "off": nil, "trace": .debug, "verbose": .debug, "fatal": .error,
    ]

    private static func exporters(reading reader: inout EnvironmentReader) -> [MetricsExporter] {
        let name = "OTEL_METRICS_EXPORTER"
        let words = reader.list(name).map { $0.lowercased() }
        var result: [MetricsExporter] = []
        for word in words where word != "none" {
            switch word {
            case "otlp": result.append(.otlp)
            case "console": result.append(.console)
            case "prometheus":
                reader.warn(
                    name,
                    "names \"prometheus\": serve prometheusText() from a route of the application instead"
                )
            default: reader.warn(name, "names \(quoted(word)), not one of otlp, console, none")
            }
        }
        return result.isEmpty && !words.contains("none") ? [.otlp] : result
    }
}

extension OTLPConfiguration {
    static let defaultTimeout: Duration = .seconds(10)
    static let defaultEndpoint = URL(string: "http://localhost:4318/v1/metrics")!

    /// Reads the settings from the environment. Never fails: a value that can't be used is ignored.
    /// ``GenAIConfiguration/init(environment:)`` reads these settings too, and keeps the warnings.
    ///
    /// - Parameter environment: variables by name; by default those of this process.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        self.init(reading: &reader)
    }

    init(reading reader: inout EnvironmentReader) {
        endpoint = Self.endpoint(reading: &reader)
        `protocol` = Self.transportProtocol(reading: &reader) ?? .httpJSON
        headers = Self.headers(reading: &reader)
        environmentHeaders = headers
        timeout = reader.otlp("TIMEOUT") { $0.milliseconds($1) } ?? Self.defaultTimeout
        compression = reader.otlp("COMPRESSION") { $0.word($1, ["none": .none, "gzip": .gzip]) } ?? .none
        temporality =
            reader.word("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", Self.temporalities) ?? .cumulative
        exportsOwnMetrics = reader.boolean("GENAI_EXPORT_OWN_METRICS") ?? false
        histogramAggregation =
            reader.word("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", Self.aggregations)
            ?? .explicitBuckets
        certificateFile = reader.otlp("CERTIFICATE") { $0.text($1) }
        clientCertificateFile = reader.otlp("CLIENT_CERTIFICATE") { $0.text($1) }
        clientKeyFile = reader.otlp("CLIENT_KEY") { $0.text($1) }
    }

    private static let temporalities: KeyValuePairs<String, Temporality> = [
        "cumulative": .cumulative, "delta": .delta, "lowmemory": .lowMemory,
    ]

    private static let aggregations: KeyValuePairs<String, HistogramAggregation> = [
        "explicit_bucket_histogram": .explicitBuckets, "base2_exponential_bucket_histogram": .base2Exponential,
    ]

    private static func endpoint(reading reader: inout EnvironmentReader) -> URL {
        if let endpoint = reader.endpoint("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") { return endpoint.urlWithUserInfo }
        if let base = reader.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT") {
            return base.appendingPath("v1/metrics").urlWithUserInfo
        }
        return defaultEndpoint
    }

    private static func headers(reading reader: inout EnvironmentReader) -> [String: String] {
        reader.otlp("HEADERS") { reader, name in
            let entries = reader.keyValueList(name)
            // Names in any case are one header; the last one wins.
            let last = Dictionary(entries.map { ($0.key.lowercased(), $0) }) { _, last in last }
            return last.isEmpty ? nil : Dictionary(uniqueKeysWithValues: last.values.map { ($0.key, $0.value) })
        } ?? [:]
    }

    private static func transportProtocol(reading reader: inout EnvironmentReader) -> TransportProtocol? {
        reader.otlp("PROTOCOL") { reader, name in
            if reader.text(name)?.lowercased() == "grpc" {
                reader.warn(
                    name,
                    "is \"grpc\", which this package does not speak",
                    consequence: "http/protobuf is used"
                )
                return .httpProtobuf
            }
            return reader.word(name, ["http/json": .httpJSON, "http/protobuf": .httpProtobuf])
        }
    }
}

extension EnvironmentReader {
    /// The value of the first variable that has one.
    fileprivate mutating func first<Value>(
        _ names: String...,
        read: (inout EnvironmentReader, String) -> Value?
    ) -> Value? {
        for name in names {
            if let value = read(&self, name) { return value }
        }
        return nil
    }

    /// An OTLP setting: its form for metrics, then its general form.
    fileprivate mutating func otlp<Value>(_ suffix: String, read: (inout EnvironmentReader, String) -> Value?) -> Value?
    {
        first("OTEL_EXPORTER_OTLP_METRICS_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)", read: read)
    }
}
