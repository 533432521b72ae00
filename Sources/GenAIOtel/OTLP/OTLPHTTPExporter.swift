// Sends snapshots to a collector over OTLP/HTTP, and again if that makes sense.

import Foundation

/// The OTLP/HTTP exporter, JSON encoding (OTLP specification 1.x, OpenTelemetry exporter specification).
final class OTLPHTTPExporter: SnapshotExporter {
    /// The largest body that is sent, before compression.
    static let bodyLimit = 64 * 1024 * 1024

    /// The longest that a server's Retry-After keeps later exports back: one wrong header must not silence a process.
    static let longestThrottle: Duration = .seconds(600)

    private let endpoint: HTTPEndpoint
    private let headers: [HTTPHeader]
    private let timeout: Duration
    private let gzip: Gzip?
    private let encoder: OTLPJSONEncoder
    private let transport: any HTTPTransport
    private let retryPolicy: RetryPolicy
    private let timeSource: any TimeSource
    private let log: Log
    private let failures: FailureLog
    private let remarks: FailureLog
    /// Nil where snapshots are sent as they are: cumulative.
    private let deltaTemporality: Locked<DeltaTemporality>?
    private let throttledUntil = Locked<ContinuousClock.Instant?>(nil)

    /// Throws if the endpoint can't be used or certificates are configured that can't be honoured.
    init(
        _ configuration: OTLPConfiguration,
        resource: Resource,
        log: Log,
        transport: any HTTPTransport = HTTPClient(userAgent: OTLPHTTPExporter.userAgent),
        retryPolicy: RetryPolicy = RetryPolicy(),
        timeSource: any TimeSource = SystemTimeSource()
    ) throws {
        endpoint = try configuration.validEndpoint()
        timeout = configuration.timeout
        deltaTemporality = configuration.temporality == .cumulative ? nil : Locked(DeltaTemporality())
        encoder = OTLPJSONEncoder(resource: resource)
        self.transport = transport
        self.retryPolicy = retryPolicy
        self.timeSource = timeSource
        self.log = log
        failures = FailureLog(log: log, timeSource: timeSource)
        remarks = FailureLog(log: log, timeSource: timeSource)

        let wantsGzip = configuration.compression == .gzip
        gzip = wantsGzip ? Gzip() : nil
        if wantsGzip && gzip == nil { log.warning("There is no libz to compress with: exports are sent as they are") }
        // No parameter after the type: Prometheus answers 400 to `; charset=utf-8`.
        headers =
            configuration.headers.map { HTTPHeader($0.key, $0.value) }
            + [HTTPHeader("Content-Type", "application/json")]
            + (gzip == nil ? [] : [HTTPHeader("Content-Encoding", "gzip")])
    }

    /// The package's own product in front of the form that the exporter specification asks for.
    static let userAgent = "\(PackageInfo.userAgent) OTel-OTLP-Exporter-Swift/\(PackageInfo.version)"

    func export(
        _ snapshot: MetricSnapshot,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> ExportResult {
        guard let deltaTemporality else { return send(snapshot, deadline: deadline, cancellation: cancellation) }
        let delta = deltaTemporality.withLock { $0 }.delta(snapshot)
        var result = send(delta, deadline: deadline, cancellation: cancellation)
        result.unchangedPoints = snapshot.pointCount - delta.pointCount
        if result.isDelivered { deltaTemporality.withLock { $0.delivered(snapshot) } }
        return result
    }

    func close() { transport.close() }

    private func send(
        _ snapshot: MetricSnapshot,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> ExportResult {
        guard !snapshot.metrics.isEmpty else { return ExportResult(isDelivered: true) }
        let body = encoder.encode(snapshot)
        guard body.count <= Self.bodyLimit else {
            failures.failed(.error, "An export of \(body.count) bytes is over the limit of 64 MiB; it is dropped")
            return ExportResult(isDelivered: false)
        }
        let request = HTTPRequest(
            method: "POST",
            endpoint: endpoint,
            headers: headers,
            body: Data(gzip?.compress(body) ?? body)
        )
        var delivery = Delivery(
            request: request,
            deadline: min(deadline, timeSource.now + timeout),
            cancellation: cancellation
        )
        return deliver(&delivery)
    }

    // MARK: One delivery

    /// One body on its way, through as many attempts as it takes.
    private struct Delivery {
        let request: HTTPRequest
        let deadline: ContinuousClock.Instant
        let cancellation: Cancellation
        var attempts = 0
    }

    private func deliver(_ delivery: inout Delivery) -> ExportResult {
        if let until = throttledUntil.withLock({ $0 }), !pause(until: until, delivery) {
            failures.failed(
                .warning,
                "\(exportFailed): the collector asked to be left alone for longer than there is time"
            )
            return ExportResult(isDelivered: false)
        }
        while true {
            delivery.attempts += 1
            switch attempt(delivery) {
            case .delivered(let rejected, let message):
                return delivered(rejected, message, delivery)
            case .refused(let reason):
                failures.failed(.warning, "\(exportFailed): \(reason); it is not sent again")
                return ExportResult(isDelivered: false, requests: delivery.attempts)
            case .retryable(let reason, let requested):
                throttle(requested)
                let delay = retryPolicy.delay(afterFailures: delivery.attempts, requested: requested)
                guard pause(until: timeSource.now + delay, delivery) else {
                    failures.failed(
                        .warning,
                        "\(exportFailed): \(reason) (attempt \(delivery.attempts), no time for more)"
                    )
                    return ExportResult(isDelivered: false, requests: delivery.attempts)
                }
                log.debug("Export to \(endpoint): \(reason); sent again after \(delay)")
            }
        }
    }

    private func attempt(_ delivery: Delivery) -> OTLPAnswer {
        let result = transport.send(
            delivery.request,
            deadline: delivery.deadline,
            cancellation: delivery.cancellation
        )
        return OTLPAnswer(result, now: Date(timeIntervalSince1970: Double(timeSource.unixNanoseconds) / 1e9))
    }

    private func delivered(_ rejected: Int, _ message: String?, _ delivery: Delivery) -> ExportResult {
        throttledUntil.withLock { $0 = nil }
        failures.succeeded("Export to \(endpoint) works again")
        let remark = message.map { ": \(quoted($0, limit: 300))" } ?? ""
        if rejected > 0 {
            remarks.failed(.warning, "The collector at \(endpoint) rejected \(rejected) points\(remark)")
        } else if message != nil {
            remarks.failed(.warning, "The collector at \(endpoint) remarks\(remark)")
        } else {
            remarks.succeeded("The collector at \(endpoint) accepts everything again")
        }
        return ExportResult(isDelivered: true, rejectedPoints: rejected, requests: delivery.attempts)
    }

    /// Waits until `moment`, unless that is beyond the deadline.
    ///
    /// - Returns: false if there is no time for another attempt, or nobody wants one any more.
    private func pause(until moment: ContinuousClock.Instant, _ delivery: Delivery) -> Bool {
        guard moment < delivery.deadline else { return false }
        let isCancelled = Monitor(false)
        return delivery.cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
            timeSource.wait(on: isCancelled, until: moment) { $0 ? true : nil } == nil
        }
    }

    /// A Retry-After binds the exports that follow too.
    private func throttle(_ requested: Duration?) {
        guard let requested else { return }
        let until = timeSource.now + min(requested, Self.longestThrottle)
        throttledUntil.withLock { $0 = until }
    }

    private var exportFailed: String { "Export to \(endpoint) failed" }
}
