// Exports snapshots over OTLP/HTTP, and keeps what the collector can't take for as long as it is away.

import Foundation

/// The OTLP/HTTP exporter, JSON encoding (OTLP specification 1.x, OpenTelemetry exporter specification).
///
/// A snapshot is encoded when it is accepted and waits in the ``OutageBuffer`` for its delivery, in the order of
/// collection. So an outage neither holds up collecting nor loses what was collected meanwhile.
final class OTLPHTTPExporter: SnapshotExporter {
    /// The largest body that is sent, before compression.
    static let bodyLimit = 64 * 1024 * 1024

    private struct State {
        var buffer: OutageBuffer
        var lastNumber = 0
        /// Nil where snapshots are sent as they are: cumulative.
        var deltaTemporality: DeltaTemporality?
        var statistics = ExportStatistics()
        /// Whether something was dropped untried since the last delivery began.
        var hasLost = false
    }

    private let timeout: Duration
    private let gzip: Gzip?
    private let encoder: OTLPJSONEncoder
    private let sender: OTLPSender
    private let timeSource: any TimeSource
    private let losses: FailureLog
    private let state: Locked<State>

    /// Throws if the endpoint can't be used or certificates are configured that can't be honoured.
    init(
        _ configuration: OTLPConfiguration,
        resource: Resource,
        log: Log,
        retryPolicy: RetryPolicy = RetryPolicy(),
        timeSource: any TimeSource = SystemTimeSource()
    ) throws {
        let wantsGzip = configuration.compression == .gzip
        gzip = wantsGzip ? Gzip() : nil
        if wantsGzip && gzip == nil { log.warning("There is no libz to compress with: exports are sent as they are") }
        sender = OTLPSender(
            endpoint: try configuration.validEndpoint(),
            // No parameter after the type: Prometheus answers 400 to `; charset=utf-8`.
            headers: configuration.headers.map { HTTPHeader($0.key, $0.value) }
                + [HTTPHeader("Content-Type", "application/json")]
                + (gzip == nil ? [] : [HTTPHeader("Content-Encoding", "gzip")]),
            transport: try configuration.transport(userAgent: Self.userAgent),
            retryPolicy: retryPolicy,
            timeSource: timeSource,
            log: log
        )
        timeout = configuration.timeout
        encoder = OTLPJSONEncoder(resource: resource)
        self.timeSource = timeSource
        losses = FailureLog(log: log, timeSource: timeSource)
        state = Locked(
            State(
                buffer: OutageBuffer(
                    entryLimit: configuration.outageBufferLimit,
                    byteLimit: configuration.outageBufferByteLimit
                ),
                deltaTemporality: configuration.temporality == .cumulative ? nil : DeltaTemporality()
            )
        )
    }

    /// The package's own product in front of the form that the exporter specification asks for.
    static let userAgent = "\(PackageInfo.userAgent) OTel-OTLP-Exporter-Swift/\(PackageInfo.version)"

    var statistics: ExportStatistics {
        state.withLock { state in
            var result = state.statistics
            result.requestsSent = sender.requestsSent
            result.exportsBuffered = state.buffer.entries.count
            return result
        }
    }

    func accept(_ snapshot: MetricSnapshot) {
        let snapshot = state.withLock { $0.deltaTemporality?.next(snapshot) } ?? snapshot
        guard !snapshot.metrics.isEmpty else { return }
        let body = encoder.encode(snapshot)
        var entry = OutageBuffer.Entry(number: 0, time: snapshot.time, body: body, points: snapshot.pointCount)
        guard body.count <= Self.bodyLimit else {
            state.withLock { $0.hasLost = true }
            return drop([entry], because: "\(body.count) bytes are over the limit of 64 MiB")
        }
        if let compressed = gzip?.compress(body) { entry.body = compressed }
        let dropped = state.withLock { state in
            state.lastNumber += 1
            entry.number = state.lastNumber
            let dropped = state.buffer.append(entry)
            state.hasLost = state.hasLost || !dropped.isEmpty
            return dropped
        }
        drop(dropped, because: "the collector has been away for too long")
    }

    /// Delivers what was accepted before this call, oldest first; the first that can't be delivered ends it.
    func deliver(deadline: ContinuousClock.Instant, cancellation: Cancellation) -> Bool {
        var (last, isComplete) = state.withLock { state in
            defer { state.hasLost = false }
            return (state.lastNumber, !state.hasLost)
        }
        while let entry = state.withLock({ $0.buffer.takeFirst(upTo: last) }) {
            let limits = OTLPSender.Limits(
                deadline: min(deadline, timeSource.now + timeout),
                cancellation: cancellation
            )
            switch sender.send(entry.body, limits) {
            case .delivered(let rejectedPoints):
                state.withLock { $0.statistics.countDelivered(points: entry.points, rejected: rejectedPoints) }
                losses.succeeded("Exports are no longer lost")
            case .refused:
                isComplete = false
                countDropped([entry])
            case .undelivered:
                drop(state.withLock { $0.buffer.putBack(entry) }, because: "it can't be kept for later")
                return false
            }
        }
        return isComplete
    }

    func close() {
        sender.close()
        drop(state.withLock { $0.buffer.removeAll() }, because: "the collector was not there at the end")
    }

    private func drop(_ entries: [OutageBuffer.Entry], because reason: String) {
        guard !entries.isEmpty else { return }
        countDropped(entries)
        losses.failed(
            .warning,
            "\(entries.count == 1 ? "An export is" : "\(entries.count) exports are") dropped: \(reason)"
        )
    }

    private func countDropped(_ entries: [OutageBuffer.Entry]) {
        state.withLock { state in
            for entry in entries {
                state.statistics.countDropped(points: entry.points)
                state.deltaTemporality?.takeBack(time: entry.time)
            }
        }
    }
}
