// The settings of the OTLP exporter.

import Foundation

/// How metrics are sent over OTLP/HTTP.
///
/// Each property has two variables: `OTEL_EXPORTER_OTLP_METRICS_...` wins over the general `OTEL_EXPORTER_OTLP_...`.
///
/// ```swift
/// configuration.otlp.endpoint = URL(string: "https://otlp.example.com/v1/metrics")!
/// configuration.otlp.headers = ["api-key": apiKey]
/// configuration.otlp.compression = .gzip
/// ```
public struct OTLPConfiguration: Sendable {
    /// The full URL that metrics are posted to, http or https. User info becomes basic authorization.
    ///
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `v1/metrics` appended to its path;
    /// default `http://localhost:4318/v1/metrics`.
    public var endpoint: URL

    /// Headers sent with each request, such as API keys. Never logged. `..._HEADERS`.
    ///
    /// Names that differ only in the case of their letters are one header: what is set in code wins.
    public var headers: [String: String]

    /// Those of ``headers`` that the environment has given.
    let environmentHeaders: [String: String]

    /// The time limit of one export, including retries and the pauses between them. `..._TIMEOUT`, default 10 s.
    public var timeout: Duration

    /// How the body is compressed. `..._COMPRESSION`, default none.
    public var compression: Compression

    /// The period that counters and histograms cover. `..._METRICS_TEMPORALITY_PREFERENCE`, default cumulative.
    public var temporality: Temporality

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
            "OTLP to \(endpoint), timeout \(timeout), compression \(compression), temporality \(temporality), \(headers.count) headers"
    }

    /// Shows ``description`` only: `dump` and debuggers must not print secrets.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
