// The settings of the OTLP exporter.

import Foundation

/// How metrics are sent over OTLP/HTTP.
///
/// Each property has a variable of its own for metrics, `OTEL_EXPORTER_OTLP_METRICS_...`, which wins over the general one,
/// `OTEL_EXPORTER_OTLP_...`.
public struct OTLPConfiguration: Sendable {
    /// The full URL that metrics are posted to, used as it is; http or https. User info becomes basic authorization.
    ///
    /// `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `v1/metrics` appended to its path;
    /// default `http://localhost:4318/v1/metrics`.
    public var endpoint: URL

    /// Headers sent with each request, such as API keys. Never logged. `..._HEADERS`.
    public var headers: [String: String]

    /// The longest that one export may take, retries and the pauses between them included. `..._TIMEOUT`, default 10 s.
    public var timeout: Duration

    /// How the body is compressed. `..._COMPRESSION`, default none.
    public var compression: Compression

    /// Since when counters and histograms count. `..._METRICS_TEMPORALITY_PREFERENCE`, default cumulative.
    public var temporality: Temporality

    /// How many exports are kept while the collector is away, and then delivered in order, each with its own time; the
    /// oldest is dropped for a new one. 0 or more: 0 drops what can't be delivered. Default 64.
    public var outageBufferLimit = 64

    /// How large these exports may be together, as they are sent, in bytes; 0 or more. Default 16 MiB.
    public var outageBufferByteLimit = 16 * 1024 * 1024

    /// PEM file with the certificate authorities to trust instead of the system's. `..._CERTIFICATE`.
    ///
    /// Honoured on Linux, through libcurl. If it can't be, nothing is exported: trust is never weakened.
    public var certificateFile: String?

    /// PEM file with the certificate to identify with. `..._CLIENT_CERTIFICATE`; see ``certificateFile``.
    public var clientCertificateFile: String?

    /// PEM file with the key of ``clientCertificateFile``, not encrypted. `..._CLIENT_KEY`; see ``certificateFile``.
    public var clientKeyFile: String?

    /// Since when an exported counter or histogram counts (OTLP exporter specification, "temporality preference").
    ///
    /// Gauges, the console and ``GenAIInstrumentation/prometheusText()`` are the same for all.
    public enum Temporality: Sendable, Hashable {
        /// Since the process began to count. Prometheus takes nothing else.
        case cumulative
        /// Since the export before. One that can't be delivered is kept, with its own interval; what a refused one held is in
        /// the next one. What the outage buffer has no room for is lost.
        case delta
        /// `lowmemory`: delta for those instruments that need no memory of earlier exports for it. All counters and
        /// histograms of this package are such, so it is the same as ``delta``.
        case lowMemory
    }

    /// Ways to compress a request.
    public enum Compression: Sendable, Hashable {
        /// The body is sent as it is.
        case none
        /// gzip, through the system's libz, which is loaded at run time; without it the body is sent as it is.
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
