// The settings of the OTLP exporter.

import Foundation

/// How metrics are sent over OTLP/HTTP.
///
/// Each property has two variables: `OTEL_EXPORTER_OTLP_METRICS_...` wins over the general `OTEL_EXPORTER_OTLP_...`.
///
/// ```swift
/// configuration.otlp.endpoint = URL(string: "https://otlp.example.com/v1/metrics")!
/// configuration.otlp.headers = ["api-key": apiKey]
/// configuration.otlp.protocol = .httpProtobuf
/// configuration.otlp.compression = .gzip
/// ```
public struct OTLPConfiguration: Sendable {
    /// The full URL that metrics are posted to, http or https. User info becomes basic authorization.
    ///
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `v1/metrics` appended to its path;
    /// default `http://localhost:4318/v1/metrics`.
    public var endpoint: URL

    /// How requests are encoded. `..._PROTOCOL`, default JSON; `grpc` warns, and protobuf is used.
    public var `protocol`: TransportProtocol

    /// Headers sent with each request, such as API keys. Never logged. `..._HEADERS`.
    ///
    /// Names that differ only in the case of their letters are one header: what is set in code wins.
    public var headers: [String: String]

    /// Those of ``headers`` that the environment has given.
    let environmentHeaders: [String: String]

    /// Is asked for headers before each export, for tokens that expire; nil for none. Its headers win over ``headers``, names
    /// in any case.
    ///
    /// It runs in a task of its own, never more than once at a time, and may take until the export's ``timeout``. If it
    /// throws or is late, that export waits in the outage buffer like any other that fails. After an answer with status 401
    /// it is asked again, once for each export. Its values are never logged, nor is the text of its errors.
    ///
    /// ```swift
    /// configuration.otlp.headerProvider = { ["authorization": "Bearer \(try await tokens.current())"] }
    /// ```
    public var headerProvider: (@Sendable () async throws -> [String: String])?

    /// The time limit of one export, including retries and the pauses between them. `..._TIMEOUT`, default 10 s.
    public var timeout: Duration

    /// How the body is compressed. `..._COMPRESSION`, default none.
    public var compression: Compression

    /// The period that counters and histograms cover. `..._METRICS_TEMPORALITY_PREFERENCE`, default cumulative.
    public var temporality: Temporality

    /// How the durations of tracked requests are counted. `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`,
    /// default explicit buckets.
    public var histogramAggregation: HistogramAggregation

    /// Whether the exporter tells of itself: how many points were exported, wait or failed, and how long that took
    /// (`otel.sdk.exporter.*`, `otel.sdk.metric_reader.*`). `GENAI_EXPORT_OWN_METRICS`, default false.
    public var exportsOwnMetrics: Bool

    /// The most points of one request, 1 or more; nil for any number. A snapshot with more is sent in several requests, each
    /// complete in itself, and every one counts as an export. For backends that limit requests. Default nil.
    public var maxPointsPerExport: Int?

    /// The most bytes of one request before compression, 1 or more, likewise. A single point that is larger is dropped.
    /// Default nil; no request is ever larger than 64 MiB.
    public var maxBytesPerExport: Int?

    /// The most exports that are kept while the collector is unreachable, 0 or more. They are delivered in order later,
    /// each with its own time. Beyond the limit, the oldest is dropped. Default 64.
    public var outageBufferLimit = 64

    /// The total size of these exports in bytes, as they are sent; 0 or more. Default 16 MiB.
    public var outageBufferByteLimit = 16 * 1024 * 1024

    /// PEM file with the certificate authorities to trust instead of the system's. `..._CERTIFICATE`.
    ///
    /// Works on Linux, through libcurl. Elsewhere nothing is exported if this is set: trust is never weakened.
    public var certificateFile: String?

    /// PEM file with the client's certificate. `..._CLIENT_CERTIFICATE`; see ``certificateFile``.
    public var clientCertificateFile: String?

    /// PEM file with the key of ``clientCertificateFile``, not encrypted. `..._CLIENT_KEY`; see ``certificateFile``.
    public var clientKeyFile: String?

    /// The period that exported counters and histograms cover (OTLP exporter specification, "temporality preference").
    ///
    /// Gauges, the console and ``GenAIInstrumentation/prometheusText()`` are the same for all.
    public enum Temporality: Sendable, Hashable {
        /// Since the start of counting. The only one that Prometheus accepts.
        case cumulative
        /// Since the previous export. An export that can't be delivered is kept with its interval; the next one
        /// includes what a refused one contained. What the outage buffer has no room for is lost.
        case delta
        /// `lowmemory`: delta for instruments that can do so without memory of earlier exports. That is true of all
        /// counters and histograms of this package, so it equals ``delta``.
        case lowMemory
    }

    /// The encodings of OTLP over HTTP (OTLP specification, "OTLP/HTTP"). The backends page of the documentation says who
    /// takes which.
    public enum TransportProtocol: Sendable, Hashable {
        /// `http/json`: readable on the wire.
        case httpJSON
        /// `http/protobuf`: half the size or less, and taken by every backend.
        case httpProtobuf
    }

    /// The buckets of histograms (metrics SDK specification, "Aggregation").
    ///
    /// Only for the tracked requests in OTLP: histograms of polled servers keep the servers' own bounds, and
    /// ``GenAIInstrumentation/prometheusText()`` and the console have the explicit buckets in any case.
    public enum HistogramAggregation: Sendable, Hashable {
        /// `explicit_bucket_histogram`: the bounds of the semantic conventions for generative AI.
        case explicitBuckets
        /// `base2_exponential_bucket_histogram`: at most 160 buckets that follow the values, at scale 20 (as fine as one
        /// part in a million) as long as the values are close together, and coarser as they spread. Not every backend takes
        /// them.
        case base2Exponential
    }

    /// Ways to compress a request.
    public enum Compression: Sendable, Hashable {
        /// The body is sent as it is.
        case none
        /// gzip, through the system's libz, which is loaded at run time. Without libz the body is not compressed.
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
