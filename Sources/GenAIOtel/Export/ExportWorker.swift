// What the collecting and the exporting thread do, and what others can learn of it.

/// Takes snapshots, hands them to the exporters and has them delivered.
///
/// Exports that somebody waits for are numbered from 1; one snapshot and one delivery serve all who asked before they began.
final class ExportWorker: Sendable {
    private struct Progress {
        /// The last request that was made, whose snapshot was taken, whose outcome is known.
        var requested = 0, collected = 0, completed = 0
        var requestDeadline: ContinuousClock.Instant?
        var inFlight: InFlight?
        var isCompletedDelivered = false

        /// Whether a delivery that covers the request has at least begun.
        func hasBegun(_ request: Int) -> Bool { completed >= request || (inFlight?.covers ?? 0) >= request }
    }

    private struct InFlight {
        /// The last request that this delivery serves.
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

    var statistics: ExportStatistics { exporters.map(\.statistics).reduce(ExportStatistics(), +) }

    /// Takes one snapshot, on the calling thread, for all requests made so far. Waits for nobody.
    func collectOnce() {
        let covers = progress.read { $0.requested }
        let snapshot = collect()
        for exporter in exporters { exporter.accept(snapshot) }
        progress.mutate { $0.collected = covers }
    }

    /// Delivers what was collected so far, on the calling thread.
    ///
    /// - Parameter stop: cancels the delivery.
    func deliverOnce(_ stop: Cancellation) {
        let cancellation = Cancellation()
        let (covers, deadline) = progress.mutate { progress in
            progress.inFlight = InFlight(covers: progress.collected, cancellation: cancellation)
            let own = timeSource.now + timeout
            let isRequested = progress.collected > progress.completed
            return (progress.collected, isRequested ? min(progress.requestDeadline ?? own, own) : own)
        }
        let isDelivered = stop.withAction({ cancellation.cancel() }) {
            exporters.reduce(true) { $1.deliver(deadline: deadline, cancellation: cancellation) && $0 }
        }
        progress.mutate { progress in
            progress.inFlight = nil
            guard covers > progress.completed else { return }
            progress.completed = covers
            progress.isCompletedDelivered = isDelivered
            if progress.requested == covers { progress.requestDeadline = nil }
        }
    }

    func close() {
        for exporter in exporters { exporter.close() }
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

    /// Waits until a delivery that covers the request has begun; at the deadline, cancels the one that stands in its way.
    func makeWay(for request: Int, until deadline: ContinuousClock.Instant) {
        let hasBegun = timeSource.wait(on: progress, until: deadline) { $0.hasBegun(request) ? true : nil }
        guard hasBegun == nil else { return }
        progress.read { $0.hasBegun(request) ? nil : $0.inFlight }?.cancellation.cancel()
    }

    /// Waits for the outcome of a request; nil if there is none at the deadline.
    func outcome(of request: Int, until deadline: ContinuousClock.Instant) -> Bool? {
        timeSource.wait(on: progress, until: deadline) { progress in
            progress.completed >= request ? progress.isCompletedDelivered : nil
        }
    }
}
