// What the export thread does, and what others can learn of it.

/// Takes a snapshot, hands it to the exporters and keeps account of it.
///
/// Exports that somebody waits for are numbered from 1; one export serves all who asked before it began.
final class ExportWorker: Sendable {
    private struct Progress {
        var requested = 0
        var requestDeadline: ContinuousClock.Instant?
        var inFlight: InFlight?
        var completed = 0
        var lastDelivered = false
        var statistics = ExportStatistics()

        /// Whether an export that covers the request has at least begun.
        func hasBegun(_ request: Int) -> Bool { completed >= request || (inFlight?.covers ?? 0) >= request }
    }

    private struct InFlight {
        /// The last request that this export serves.
        var covers: Int
        var cancellation: Cancellation
    }

    private let exporters: [any SnapshotExporter]
    private let timeout: Duration
    private let collect: @Sendable () -> MetricSnapshot
    private let timeSource: any TimeSource
    private let progress = Monitor(Progress())

    init(
        exporters: [any SnapshotExporter],
        timeout: Duration,
        timeSource: any TimeSource,
        collect: @escaping @Sendable () -> MetricSnapshot
    ) {
        self.exporters = exporters
        self.timeout = timeout
        self.timeSource = timeSource
        self.collect = collect
    }

    var statistics: ExportStatistics { progress.read { $0.statistics } }

    /// Exports once, on the calling thread, for all requests made so far.
    ///
    /// - Parameter stop: cancels the export.
    func exportOnce(_ stop: Cancellation) {
        let cancellation = Cancellation()
        let deadline = progress.mutate { progress in
            let isRequested = progress.requested > progress.completed
            progress.inFlight = InFlight(covers: progress.requested, cancellation: cancellation)
            defer { progress.requestDeadline = nil }
            let own = timeSource.now + timeout
            return isRequested ? min(progress.requestDeadline ?? own, own) : own
        }
        let isDelivered = stop.withAction({ cancellation.cancel() }) {
            export(deadline: deadline, cancellation: cancellation)
        }
        progress.mutate { progress in
            progress.completed = progress.inFlight?.covers ?? progress.completed
            progress.inFlight = nil
            progress.lastDelivered = isDelivered
        }
    }

    private func export(deadline: ContinuousClock.Instant, cancellation: Cancellation) -> Bool {
        let snapshot = collect()
        var isDelivered = true
        for exporter in exporters {
            let result = exporter.export(snapshot, deadline: deadline, cancellation: cancellation)
            progress.mutate { $0.statistics.add(result, points: snapshot.pointCount - result.unchangedPoints) }
            isDelivered = isDelivered && result.isDelivered
        }
        return isDelivered
    }

    // MARK: For those who wait

    /// Notes that an export is wanted that begins from now on and ends before the deadline.
    ///
    /// - Returns: the request's number.
    func request(deadline: ContinuousClock.Instant) -> Int {
        progress.mutate { progress in
            progress.requested += 1
            progress.requestDeadline = max(progress.requestDeadline ?? deadline, deadline)
            return progress.requested
        }
    }

    /// Waits until an export that covers the request has begun; at the deadline, cancels the one that stands in its way.
    func makeWay(for request: Int, until deadline: ContinuousClock.Instant) {
        let hasBegun = timeSource.wait(on: progress, until: deadline) { $0.hasBegun(request) ? true : nil }
        guard hasBegun == nil else { return }
        progress.read { $0.hasBegun(request) ? nil : $0.inFlight }?.cancellation.cancel()
    }

    /// Waits for the outcome of a request; nil if there is none at the deadline.
    func outcome(of request: Int, until deadline: ContinuousClock.Instant) -> Bool? {
        timeSource.wait(on: progress, until: deadline) { progress in
            progress.completed >= request ? progress.lastDelivered : nil
        }
    }

    func close() {
        for exporter in exporters { exporter.close() }
    }
}
