// Exports snapshots over OTLP/HTTP, with retries.

import Foundation

/// The OTLP/HTTP exporter, JSON or protobuf (OTLP specification 1.x, OpenTelemetry exporter specification).
///
/// Encodes and compresses snapshots on arrival, so that an outage does not hold up collecting and keeps only bodies.
final class OTLPHTTPExporter: SnapshotExporter {
    /// Compresses a body; nil if that fails.
    typealias Compressor = @Sendable ([UInt8]) -> [UInt8]?

    private typealias Encoder = @Sendable (MetricSnapshot) -> [UInt8]

    private struct State {
        var requestsSent = 0
        /// Nil unless the collector has asked for a pause since it accepted the last export.
        var throttledUntil: ContinuousClock.Instant?
    }

    /// The longest Retry-After that later exports respect: one wrong header must not silence a process.
    static let longestThrottle: Duration = .seconds(600)

    /// The largest body that is sent, before compression.
    static let bodyLimit = 64 * 1024 * 1024

    /// The package's own product, then the product that the exporter specification requires.
    static let userAgent = "\(PackageInfo.userAgent) OTel-OTLP-Exporter-Swift/\(PackageInfo.version)"

    let limits: ExportQueue.Limits
    private let maxPoints: Int?
    private let byteLimit: Int
    private let splitsBySize: Bool
    private let timeout: Duration
    private let gzip: Compressor?
    private let encode: Encoder
    private let endpoint: HTTPEndpoint
    private let configuredHeaders: [HTTPHeader]
    private let contentHeaders: [HTTPHeader]
    private let headerSource: HeaderSource?
    private let ownMetrics: OwnMetrics?
    private let transport: any HTTPTransport
    private let hasExponentialHistograms: Bool
    private let retryPolicy: RetryPolicy
    private let timeSource: any TimeSource
    private let log: Log
    private let failures: FailureLog
    private let warnings: FailureLog
    private let losses: FailureLog
    private let headerProblems: FailureLog
    private let state = Locked(State())
    /// Nil for cumulative temporality, where snapshots are sent as they are.
    private let deltaTemporality: Locked<DeltaTemporality>?

    /// Throws ``HTTPEndpoint/Invalid`` or ``TLSFiles/Unusable`` if the endpoint or certificate files can't be used.
    ///
    /// - Parameters:
    ///   - ownMetrics: counts the outcomes of exports.
    ///   - gzip: loads the compressor; nil if there is none.
    init(
        _ configuration: OTLPConfiguration,
        resource: Resource,
        ownMetrics: OwnMetrics? = nil,
        log: Log,
        retryPolicy: RetryPolicy = RetryPolicy(),
        timeSource: any TimeSource = SystemTimeSource(),
        gzip: () -> Compressor? = { Gzip()?.compress }
    ) throws {
        endpoint = try HTTPEndpoint(configuration.endpoint.absoluteString)
        transport = try HTTPTransports.libcurlFirst(
            userAgent: Self.userAgent,
            tls: TLSFiles(
                certificateAuthorities: configuration.certificateFile,
                clientCertificate: configuration.clientCertificateFile,
                clientKey: configuration.clientKeyFile
            )
        )
        // Without a parameter: Prometheus answers 400 to `; charset=utf-8`.
        let contentType: String
        switch configuration.protocol {
        case .httpJSON: (contentType, encode) = ("application/json", OTLPJSONEncoder(resource: resource).encode)
        case .httpProtobuf:
            (contentType, encode) = ("application/x-protobuf", OTLPProtobufEncoder(resource: resource).encode)
        }
        configuredHeaders = configuration.headers.map { HTTPHeader($0.key, $0.value) }
        contentHeaders = [HTTPHeader("Content-Type", contentType)]
        headerSource = configuration.headerProvider.map { HeaderSource($0, timeSource: timeSource) }
        self.ownMetrics = ownMetrics
        limits = ExportQueue.Limits(
            exports: configuration.outageBufferLimit,
            bytes: configuration.outageBufferByteLimit
        )
        maxPoints = configuration.maxPointsPerExport
        byteLimit = min(configuration.maxBytesPerExport ?? Self.bodyLimit, Self.bodyLimit)
        splitsBySize = configuration.maxBytesPerExport != nil
        timeout = configuration.timeout
        hasExponentialHistograms = configuration.histogramAggregation == .base2Exponential
        self.retryPolicy = retryPolicy
        self.timeSource = timeSource
        let log = log.about(["component": "exporter", "endpoint": "\(endpoint)"])
        self.log = log
        failures = FailureLog(log: log, timeSource: timeSource)
        warnings = FailureLog(log: log, timeSource: timeSource)
        losses = FailureLog(log: log, timeSource: timeSource)
        headerProblems = FailureLog(log: log, timeSource: timeSource)
        deltaTemporality = configuration.temporality == .cumulative ? nil : Locked(DeltaTemporality())
        let wantsGzip = configuration.compression == .gzip
        self.gzip = wantsGzip ? gzip() : nil
        if endpoint.port == 4317 {
            log.warning(
                "The endpoint has port 4317, where collectors expect gRPC; OTLP over HTTP usually uses port 4318"
            )
        }
        if wantsGzip && self.gzip == nil { log.warning("Exports are not compressed: libz is not installed") }
    }

    var requestsSent: Int { state.withLock { $0.requestsSent } }

    func close() { transport.close() }

    // MARK: Encoding

    func encode(_ snapshot: MetricSnapshot, number: Int) -> EncodedSnapshot {
        var snapshot = deltaTemporality?.withLock { $0.next(snapshot) } ?? snapshot
        if hasExponentialHistograms { snapshot = snapshot.withExponentialHistograms() }
        guard !snapshot.metrics.isEmpty else { return EncodedSnapshot(exports: []) }
        var parts: [(snapshot: MetricSnapshot, body: [UInt8])] = []
        for part in snapshot.split(maxPoints: maxPoints ?? .max) { parts += bodies(of: part) }
        let isSplit = parts.count > 1
        if isSplit { deltaTemporality?.withLock { $0.keep(parts: parts.map(\.snapshot)) } }
        var result = EncodedSnapshot(exports: [])
        for (index, part) in parts.enumerated() {
            var export = Export(number: number, time: snapshot.time, body: part.body, points: part.snapshot.pointCount)
            export.part = isSplit ? index : nil
            ownMetrics?.accepted(points: export.points)
            let size = export.body.count
            guard size <= byteLimit else {
                let limit = byteLimit == Self.bodyLimit ? "of 64 MiB; lower cardinalityLimit" : "maxBytesPerExport"
                dropped([export], because: "\(size) bytes are over the limit \(limit)")
                result.pointsTooLarge += export.points
                continue
            }
            if let compressed = gzip?(export.body) { (export.body, export.contentEncoding) = (compressed, "gzip") }
            result.exports.append(export)
        }
        return result
    }

    /// The bodies of a snapshot, split again where they are larger than the configuration allows, down to single points.
    private func bodies(of snapshot: MetricSnapshot) -> [(snapshot: MetricSnapshot, body: [UInt8])] {
        let body = encode(snapshot)
        let points = snapshot.pointCount
        guard splitsBySize, body.count > byteLimit, points > 1 else { return [(snapshot, body)] }
        // Smaller by at least half each time, so that nothing is encoded often.
        let maxPoints = max(min(points / 2, points * byteLimit / body.count), 1)
        return snapshot.split(maxPoints: maxPoints).flatMap { bodies(of: $0) }
    }

    func dropped(_ exports: [Export], because reason: String) {
        for export in exports {
            takeBack(export)
            ownMetrics?.failed(points: export.points, errorType: "dropped")
        }
        let what = exports.count == 1 ? "An export to \(endpoint) is" : "\(exports.count) exports to \(endpoint) are"
        losses.failed(.warning, "\(what) dropped: \(reason)")
    }

    /// Makes the next delta cover the export's time too, if that delta has not been made yet.
    private func takeBack(_ export: Export) {
        deltaTemporality?.withLock { $0.takeBack(time: export.time, part: export.part) }
    }

    // MARK: Sending (OTLP specification 1.x, "OTLP/HTTP Request" and following)

    /// Sends the export until it is delivered, refused or cancelled, or there is no time for another attempt.
    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome {
        let begin = timeSource.now
        let deadline = min(deadline, begin + timeout)
        let end = deliver(export, deadline, cancellation)
        ownMetrics?.sent(in: begin.duration(to: timeSource.now), errorType: end.errorType)
        switch end {
        case .delivered(let rejected, let message):
            delivered(rejected, message)
            ownMetrics?.delivered(points: export.points, rejected: rejected)
            return .delivered(rejectedPoints: rejected)
        case .refused(let reason, let errorType):
            failures.failed(.warning, "Export to \(endpoint) failed: \(reason); it is not sent again")
            takeBack(export)
            ownMetrics?.failed(points: export.points, errorType: errorType)
            return .refused
        case .retryable(let reason, _, _):
            if cancellation.isCancelled {
                // Cancelled by a flush or a shutdown: not a failure of the collector.
                log.debug("Export to \(endpoint) was cancelled")
            } else {
                failures.failed(.warning, "Export to \(endpoint) failed: \(reason)")
            }
            return .undelivered
        }
    }

    /// - Returns: the last answer, or why there was none. What is retryable then must wait.
    private func deliver(
        _ export: Export,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> OTLPAnswer {
        if let until = state.withLock({ $0.throttledUntil }), !pause(until: until, deadline, cancellation) {
            let reason = "throttled by the collector (Retry-After), beyond this export's timeout"
            return .retryable(reason: reason, delay: nil, errorType: "throttled")
        }
        let encoding = export.contentEncoding.map { [HTTPHeader("Content-Encoding", $0)] } ?? []
        let body = Data(export.body)
        var request = HTTPRequest(method: "POST", endpoint: endpoint, body: body)
        request.isAnsweredByStatus = true
        var attempts = 0
        var mayAskAgain = headerSource != nil
        var needsHeaders = true
        while true {
            if needsHeaders {
                do throws(HeaderSource.Failure) {
                    request.headers = try headers(deadline, cancellation) + contentHeaders + encoding
                } catch {
                    return .retryable(reason: "\(error)", delay: nil, errorType: "header_provider")
                }
                needsHeaders = false
            }
            attempts += 1
            let answer = attempt(request, deadline, cancellation)
            switch answer {
            case .refused(_, OTLPAnswer.unauthorized) where mayAskAgain:
                // The token may have expired on its way.
                (mayAskAgain, needsHeaders) = (false, true)
            case .delivered, .refused:
                return answer
            case .retryable(let reason, let requested, let errorType):
                throttle(requested)
                let delay = retryPolicy.delay(afterFailures: attempts, requested: requested)
                guard pause(until: timeSource.now + delay, deadline, cancellation) else {
                    let reason = "\(reason) (attempt \(attempts), no time for more)"
                    return .retryable(reason: reason, delay: nil, errorType: errorType)
                }
                log.debug("Export to \(endpoint): \(reason); retrying after \(delay)")
            }
        }
    }

    /// The headers of the configuration, and those of the provider, which win.
    private func headers(
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) throws(HeaderSource.Failure) -> [HTTPHeader] {
        guard let headerSource else { return configuredHeaders }
        let provided = try headerSource.headers(until: deadline, cancellation).filter { name, value in
            let isUsable = OTLPConfiguration.isUsableHeader(name, value)
            if !isUsable {
                headerProblems.failed(.warning, "A header of the header provider can't be sent: \(quoted(name))")
            }
            return isUsable
        }
        // If names differ in case only, the last field is sent.
        return configuredHeaders + provided.sortedByKey.map { HTTPHeader($0.key, $0.value) }
    }

    private func attempt(
        _ request: HTTPRequest,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> OTLPAnswer {
        state.withLock { $0.requestsSent += 1 }
        let timeout = timeSource.now.duration(to: deadline)
        let result = transport.send(request, timeout: timeout, cancellation: cancellation)
        let now = Date(timeIntervalSince1970: Double(timeSource.unixNanoseconds) / 1e9)
        let secret = request.headers.filter { !OTLPConfiguration.reservedHeaders.contains($0.name.lowercased()) }
        return OTLPAnswer(result, now: now, secrets: Secrets(endpoint, headers: secret))
    }

    private func delivered(_ rejected: Int, _ message: String?) {
        state.withLock { $0.throttledUntil = nil }
        losses.succeeded("Exports are no longer dropped")
        failures.succeeded("Export to \(endpoint) works again")
        let words = message.map { ": \(quoted($0, limit: 300))" } ?? ""
        if rejected > 0 {
            warnings.failed(.warning, "The collector at \(endpoint) rejected \(rejected) points\(words)")
        } else if message != nil {
            warnings.failed(.warning, "The collector at \(endpoint) warns\(words)")
        } else {
            warnings.succeeded("The collector at \(endpoint) accepts everything again")
        }
    }

    /// Waits until `moment`, unless that is beyond the deadline.
    ///
    /// - Returns: false if there is no time for another attempt, or it was cancelled.
    private func pause(
        until moment: ContinuousClock.Instant,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> Bool {
        guard moment < deadline else { return false }
        let isCancelled = Monitor(false)
        return cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
            timeSource.wait(on: isCancelled, until: moment) { $0 ? true : nil } == nil
        }
    }

    /// A Retry-After applies to later exports too.
    private func throttle(_ requested: Duration?) {
        guard let requested else { return }
        let until = timeSource.now + min(requested, Self.longestThrottle)
        state.withLock { $0.throttledUntil = until }
    }
}

extension OTLPAnswer {
    /// `error.type`; nil if the export was delivered.
    fileprivate var errorType: String? {
        switch self {
        case .delivered: nil
        case .retryable(_, _, let errorType), .refused(_, let errorType): errorType
        }
    }
}
