// The settings of the OTLP exporter.

import Foundation

/// How metrics are sent over OTLP/HTTP: ``GenAIConfiguration/otlp``.
///
/// Most properties have two environment variables: `OTEL_EXPORTER_OTLP_METRICS_...` wins over the general
/// `OTEL_EXPORTER_OTLP_...`. An unusable value is replaced by its default, with a warning from ``instrument(_:)``. Secrets
/// are in no log and not in ``description``. A value: safe to pass between threads.
///
/// ```swift
/// configuration.otlp.endpoint = URL(string: "https://otlp.example.com/v1/metrics")!
/// configuration.otlp.headers = ["api-key": "your key"]
/// configuration.otlp.protocol = .httpProtobuf
/// configuration.otlp.compression = .gzip
/// ```
public struct OTLPConfiguration: Sendable {
    /// The full URL that metrics are posted to, http or https. User info becomes basic authorization.
    ///
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `v1/metrics` appended to its path;
    /// default `http://localhost:4318/v1/metrics`.
    public var endpoint: URL

    /// How requests are encoded. `..._PROTOCOL`, default ``TransportProtocol/httpJSON``. The value `grpc` is not supported:
    /// protobuf is used, with a warning.
    public var `protocol`: TransportProtocol

    /// Headers sent with each request, such as API keys. Values are never logged. `..._HEADERS`, default none.
    ///
    /// Names that differ only in the case of their letters are one header, and the one set in code wins. A header with
    /// characters that HTTP forbids is left out with a warning. So is one that the exporter sets itself, such as
    /// `Content-Type`.
    public var headers: [String: String]

    /// The headers that came from the environment.
    let environmentHeaders: [String: String]

    /// Returns headers before each export, for tokens that expire. They win over ``headers``, in any case of the letters.
    /// Default nil.
    ///
    /// It runs in a task of its own, never twice at the same time, and may take until the export's ``timeout``. If it
    /// throws or is late, that export waits in the outage buffer like any other that fails. After an answer with status 401
    /// it is called again, once for each export. Neither its headers nor the text of its errors is ever logged.
    ///
    /// ```swift
    /// configuration.otlp.headerProvider = {
    ///     let token = try String(contentsOfFile: "/run/secrets/otlp-token", encoding: .utf8)
    ///     return ["authorization": "Bearer \(token.trimmingCharacters(in: .whitespacesAndNewlines))"]
    /// }
    /// ```
    public var headerProvider: (@Sendable () async throws -> [String: String])?

    /// The time limit of one export, including retries and the pauses between them, more than 0 and at most a year.
    /// `..._TIMEOUT`, in milliseconds, default 10 s.
    public var timeout: Duration

    /// How the body is compressed. `..._COMPRESSION`, default ``Compression/none``.
    public var compression: Compression

    /// The period that counters and histograms cover. `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, default
    /// ``Temporality/cumulative``.
    public var temporality: Temporality

    /// The buckets of tracked requests' histograms. `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, default
    /// ``HistogramAggregation/explicitBuckets``.
    public var histogramAggregation: HistogramAggregation

    /// Whether metrics about the exporter itself are exported too: how many points were exported, wait or failed, and how
    /// long that took (`otel.sdk.exporter.*`, `otel.sdk.metric_reader.*`). `GENAI_EXPORT_OWN_METRICS`, default false.
    public var exportsOwnMetrics: Bool

    /// The most points of one request, 1 or more; nil for no limit. Default nil.
    ///
    /// For backends that limit requests. A snapshot with more points is sent in several requests. Each is complete in itself
    /// and counts as an export.
    public var maxPointsPerExport: Int?

    /// The most bytes of one request before compression, 1 or more; nil for no limit of your own. Default nil.
    ///
    /// A larger snapshot is split like one with more than ``maxPointsPerExport``. A single point that is larger is dropped. No
    /// request is ever larger than 64 MiB.
    public var maxBytesPerExport: Int?

    /// The most exports that are kept while the collector is unreachable, 0 or more. Default 64.
    ///
    /// They are delivered in order later, each with its own time. Beyond the limit, the oldest is dropped.
    public var outageBufferLimit = 64

    /// The most bytes that these exports occupy in all, after compression; 0 or more. Default 16 MiB.
    public var outageBufferByteLimit = 16 * 1024 * 1024

    /// PEM file with the certificate authorities to trust instead of the system's; nil for the system's.
    /// `..._CERTIFICATE`, default nil.
    ///
    /// Works on Linux, through libcurl. Elsewhere nothing is exported if this is set, and an error says so: trust is never
    /// weakened.
    public var certificateFile: String?

    /// PEM file with the client's certificate, for mutual TLS. `..._CLIENT_CERTIFICATE`, default nil; see
    /// ``certificateFile`` for where it works.
    public var clientCertificateFile: String?

    /// PEM file with the key of ``clientCertificateFile``, not encrypted. `..._CLIENT_KEY`, default nil.
    public var clientKeyFile: String?

    /// The period that exported counters and histograms cover (OTLP exporter specification, "temporality preference").
    ///
    /// It changes nothing for gauges, the console and ``GenAIInstrumentation/prometheusText()``. A value: safe to pass between
    /// threads.
    ///
    /// ```swift
    /// configuration.otlp.temporality = .delta
    /// ```
    public enum Temporality: Sendable, Hashable {
        /// Since the start of counting. Prometheus accepts only this.
        case cumulative
        /// Since the previous export. An export that can't be delivered is kept with its interval. What a refused export
        /// contained is part of the next one. What the outage buffer has no room for is lost.
        case delta
        /// `lowmemory`: in this package the same as ``delta``.
        case lowMemory
    }

    /// The encodings of OTLP over HTTP (OTLP specification, "OTLP/HTTP"). The documentation's page on backends lists which
    /// backend takes which. A value: safe to pass between threads.
    ///
    /// ```swift
    /// configuration.otlp.protocol = .httpProtobuf
    /// ```
    public enum TransportProtocol: Sendable, Hashable {
        /// `http/json`: readable on the wire.
        case httpJSON
        /// `http/protobuf`: half the size or less, and every backend takes it.
        case httpProtobuf
    }

    /// The buckets of histograms (metrics SDK specification, "Aggregation").
    ///
    /// It applies to tracked requests in OTLP only. Histograms of polled servers keep the servers' own bounds.
    /// ``GenAIInstrumentation/prometheusText()`` and the console always have explicit buckets. A value: safe to pass between
    /// threads.
    ///
    /// ```swift
    /// configuration.otlp.histogramAggregation = .base2Exponential
    /// ```
    public enum HistogramAggregation: Sendable, Hashable {
        /// `explicit_bucket_histogram`: the bounds of ``RequestConfiguration``.
        case explicitBuckets
        /// `base2_exponential_bucket_histogram`: at most 160 buckets that follow the values. They begin at scale 20 (as fine
        /// as one part in a million) and become coarser as the values spread. Not every backend takes them.
        case base2Exponential
    }

    /// Ways to compress a request. A value: safe to pass between threads.
    ///
    /// ```swift
    /// configuration.otlp.compression = .gzip
    /// ```
    public enum Compression: Sendable, Hashable {
        /// The body is sent as it is.
        case none
        /// gzip, through the system's libz, which is loaded at run time. Without libz the body is sent as it is, with a
        /// warning.
        case gzip
    }
}

extension OTLPConfiguration: CustomStringConvertible, CustomReflectable {
    /// Endpoint and settings, without credentials.
    public var description: String {
        let endpoint = (try? HTTPEndpoint(self.endpoint.absoluteString))?.description ?? "no usable endpoint"
        return
            "OTLP to \(endpoint), protocol \(self.protocol), timeout \(timeout), compression \(compression), temporality \(temporality), \(headers.count) headers"
    }

    /// Shows ``description`` only: `dump` and debuggers must not print secrets.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
