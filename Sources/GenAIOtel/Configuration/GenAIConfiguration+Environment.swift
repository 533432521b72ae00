// Reads the settings from the environment (OpenTelemetry environment-variable specification).

import EnginePoller
import Foundation
import GPUPoller
import OllamaPoller

extension GenAIConfiguration {
    /// Reads the settings from the environment. Never fails: an unusable value is replaced by its default, with an entry in
    /// ``warnings``.
    ///
    /// ```swift
    /// let fromTheProcess = GenAIConfiguration()
    /// let fixed = GenAIConfiguration(environment: ["OTEL_SERVICE_NAME": "chat"])
    /// ```
    ///
    /// - Parameter environment: variables by name; by default those of this process. An empty value counts as unset.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.init(reading: EnvironmentReader(environment))
    }

    /// Reads the settings from anywhere: a file, a secret store, swift-configuration. Never fails: see ``warnings``.
    ///
    /// ```swift
    /// let settings = ["OTEL_SERVICE_NAME": "chat"]
    /// let configuration = GenAIConfiguration { settings[$0] }
    /// ```
    ///
    /// - Parameter value: gives a setting by the name of its variable, such as `OTEL_SERVICE_NAME`, in the form in which the
    ///   variable has it; nil if it is not set. It is asked for each variable that this package knows, and not kept.
    public init(value: @escaping (_ variable: String) -> String?) {
        self.init(reading: EnvironmentReader(value))
    }

    private init(reading environment: EnvironmentReader) {
        var reader = environment
        isDisabled = reader.setting(false) { $0.boolean("OTEL_SDK_DISABLED") }
        exporters = Self.exporters(reading: &reader)
        exportInterval = reader.duration(Self.defaultExportInterval) { $0.milliseconds("OTEL_METRIC_EXPORT_INTERVAL") }
        exportTimeout = reader.duration(Self.defaultExportTimeout) { $0.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT") }
        otlp = OTLPConfiguration(reading: &reader)
        let pollsOllama = reader.setting(true) { $0.boolean("GENAI_ENABLE_OLLAMA_SERVER_METRICS") }
        ollama = pollsOllama ? OllamaConfiguration(reading: &reader) : nil
        engines = EngineTarget.targets(reading: &reader)
        let readsGPUs = reader.setting(true) { $0.boolean("GENAI_ENABLE_GPU_METRICS") }
        gpus = readsGPUs ? GPUConfiguration(reading: &reader) : nil
        requests = RequestConfiguration(reading: &reader)
        cardinalityLimit = Self.defaultCardinalityLimit
        logLevel = reader.setting(.info, consequence: { "\($0.map { "\($0)" } ?? "none") is used" }) { reader in
            reader.first("GENAI_LOG_LEVEL", "OTEL_LOG_LEVEL") { $0.word($1, Self.logLevels) }
        }
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
        return reader.setting([.otlp], consequence: consequence) { reader in
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
            return result.isEmpty && !words.contains("none") ? nil : result
        }
    }

    private static func consequence(_ exporters: [MetricsExporter]) -> String {
        guard !exporters.isEmpty else { return "nothing is exported" }
        return "\(exporters.map { "\($0)" }.joined(separator: " and ")) is used"
    }
}

extension OTLPConfiguration {
    static let defaultTimeout: Duration = .seconds(10)
    static let defaultEndpoint = URL(string: "http://localhost:4318/v1/metrics")!

    /// Reads the settings from the environment. Never fails: an unusable value is ignored.
    ///
    /// ``GenAIConfiguration/init(environment:)`` reads these settings too, and keeps the warnings.
    ///
    /// - Parameter environment: variables by name; by default those of this process.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        self.init(reading: &reader)
    }

    init(reading reader: inout EnvironmentReader) {
        endpoint = Self.endpoint(reading: &reader)
        `protocol` = Self.transportProtocol(reading: &reader)
        headers = Self.headers(reading: &reader)
        environmentHeaders = headers
        timeout = reader.duration(Self.defaultTimeout) { reader in reader.otlp("TIMEOUT") { $0.milliseconds($1) } }
        // Not `.none`, which would be no value at all.
        compression = reader.setting(Compression.none) { reader in
            reader.otlp("COMPRESSION") { $0.word($1, ["none": Compression.none, "gzip": Compression.gzip]) }
        }
        temporality = reader.setting(.cumulative) {
            $0.word("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", Self.temporalities)
        }
        exportsOwnMetrics = reader.setting(false) { $0.boolean("GENAI_EXPORT_OWN_METRICS") }
        histogramAggregation = reader.setting(
            .explicitBuckets,
            consequence: { _ in "explicit_bucket_histogram is used" },
            read: { $0.word("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", Self.aggregations) }
        )
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
        reader.setting(defaultEndpoint, consequence: { "\(HTTPEndpoint.name(of: $0)) is used" }) { reader in
            if let endpoint = reader.endpoint("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") { return endpoint.urlWithUserInfo }
            let base = reader.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT")
            return base?.appendingPath("v1/metrics").urlWithUserInfo
        }
    }

    private static func headers(reading reader: inout EnvironmentReader) -> [String: String] {
        reader.otlp("HEADERS") { reader, name in
            let entries = reader.keyValueList(name)
            // Names in any case are one header; the last one wins.
            let last = Dictionary(entries.map { ($0.key.lowercased(), $0) }) { _, last in last }
            return last.isEmpty ? nil : Dictionary(uniqueKeysWithValues: last.values.map { ($0.key, $0.value) })
        } ?? [:]
    }

    private static func transportProtocol(reading reader: inout EnvironmentReader) -> TransportProtocol {
        reader.setting(.httpJSON, consequence: { "\($0.name) is used" }) { reader in
            reader.otlp("PROTOCOL") { reader, name in
                if reader.text(name)?.lowercased() == "grpc" {
                    reader.warn(name, "is \"grpc\", which is not supported")
                    return .httpProtobuf
                }
                return reader.word(name, ["http/json": .httpJSON, "http/protobuf": .httpProtobuf])
            }
        }
    }
}

extension OTLPConfiguration.TransportProtocol {
    /// As the environment names it.
    var name: String {
        switch self {
        case .httpJSON: "http/json"
        case .httpProtobuf: "http/protobuf"
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

    /// An OTLP setting: the variable for metrics wins over the general one.
    fileprivate mutating func otlp<Value>(_ suffix: String, read: (inout EnvironmentReader, String) -> Value?) -> Value?
    {
        first("OTEL_EXPORTER_OTLP_METRICS_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)", read: read)
    }
}
