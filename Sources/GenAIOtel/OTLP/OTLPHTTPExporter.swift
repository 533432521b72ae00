// Exports snapshots over OTLP/HTTP.

/// The OTLP/HTTP exporter, JSON encoding (OTLP specification 1.x, OpenTelemetry exporter specification).
///
/// A snapshot is encoded and compressed when it is accepted, so that an outage neither holds up collecting nor keeps more in
/// memory than what is sent.
final class OTLPHTTPExporter: SnapshotExporter {
    /// Compresses a body; nil if that fails.
    typealias Compressor = @Sendable ([UInt8]) -> [UInt8]?

    /// The largest body that is sent, before compression.
    static let bodyLimit = 64 * 1024 * 1024

    /// The package's own product in front of the form that the exporter specification asks for.
    static let userAgent = "\(PackageInfo.userAgent) OTel-OTLP-Exporter-Swift/\(PackageInfo.version)"

    let limits: ExportQueue.Limits
    private let timeout: Duration
    private let gzip: Compressor?
    private let encoder: OTLPJSONEncoder
    private let sender: OTLPSender
    private let timeSource: any TimeSource
    private let losses: FailureLog
    /// Nil where snapshots are sent as they are: cumulative.
    private let deltaTemporality: Locked<DeltaTemporality>?

    /// Throws if the endpoint can't be used or certificates are configured that can't be honoured.
    ///
    /// - Parameter gzip: loads the compressor; nil where there is none.
    init(
        _ configuration: OTLPConfiguration,
        resource: Resource,
        log: Log,
        retryPolicy: RetryPolicy = RetryPolicy(),
        timeSource: any TimeSource = SystemTimeSource(),
        gzip: () -> Compressor? = { Gzip()?.compress }
    ) throws {
        let endpoint = try configuration.validEndpoint()
        let log = log.about(["component": "exporter", "endpoint": "\(endpoint)"])
        let wantsGzip = configuration.compression == .gzip
        self.gzip = wantsGzip ? gzip() : nil
        if wantsGzip && self.gzip == nil { log.warning("Exports are not compressed: libz is not installed") }
        sender = OTLPSender(
            endpoint: endpoint,
            // No parameter after the type: Prometheus answers 400 to `; charset=utf-8`.
            headers: configuration.headers.map { HTTPHeader($0.key, $0.value) }
                + [HTTPHeader("Content-Type", "application/json")],
            transport: try configuration.transport(userAgent: Self.userAgent),
            retryPolicy: retryPolicy,
            timeSource: timeSource,
            log: log
        )
        limits = ExportQueue.Limits(
            exports: configuration.outageBufferLimit,
            bytes: configuration.outageBufferByteLimit
        )
        timeout = configuration.timeout
        encoder = OTLPJSONEncoder(resource: resource)
        self.timeSource = timeSource
        losses = FailureLog(log: log, timeSource: timeSource)
        deltaTemporality = configuration.temporality == .cumulative ? nil : Locked(DeltaTemporality())
    }

    var requestsSent: Int { sender.requestsSent }

    func encode(_ snapshot: MetricSnapshot, number: Int) throws(ExportTooLarge) -> Export? {
        let snapshot = deltaTemporality?.withLock { $0.next(snapshot) } ?? snapshot
        guard !snapshot.metrics.isEmpty else { return nil }
        var export = Export(
            number: number,
            time: snapshot.time,
            body: encoder.encode(snapshot),
            points: snapshot.pointCount
        )
        let size = export.body.count
        guard size <= Self.bodyLimit else {
            dropped([export], because: "\(size) bytes are over the limit of 64 MiB; lower cardinalityLimit")
            throw ExportTooLarge(points: export.points)
        }
        if let compressed = gzip?(export.body) { (export.body, export.contentEncoding) = (compressed, "gzip") }
        return export
    }

    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome {
        let deadline = min(deadline, timeSource.now + timeout)
        let outcome = sender.send(export, deadline: deadline, cancellation: cancellation)
        switch outcome {
        case .delivered: losses.succeeded("Exports are no longer lost")
        case .refused: takeBack(export)
        case .undelivered: break
        }
        return outcome
    }

    func dropped(_ exports: [Export], because reason: String) {
        exports.forEach(takeBack)
        let what = exports.count == 1 ? "An export is" : "\(exports.count) exports are"
        losses.failed(.warning, "\(what) dropped: \(reason)")
    }

    func close() { sender.close() }

    /// The next delta covers the export's time too, if it has not been taken yet.
    private func takeBack(_ export: Export) {
        deltaTemporality?.withLock { $0.takeBack(time: export.time) }
    }
}
