// What the thread of one exporter does, and what others can learn of it.

/// Hands snapshots to an exporter and has them delivered.
///
/// Exports that somebody waits for are numbered from 1; one snapshot and one delivery serve all who asked before they began.
final class ExportWorker: Sendable {
    private struct Progress {
        /// The last request that was made, whose snapshot was taken, whose outcome is known.
        var requested = 0, collected = 0, completed = 0
        var requestDeadline: ContinuousClock.Instant?
        var inFlight: InFlight?
        var isCompletedDelivered = false
        /// Nothing is delivered any more: who asked too late must not wait.
        var isClosed = false

        /// Whether a delivery that covers the request has at least begun, or none will.
        func hasBegun(_ request: Int) -> Bool {
            isClosed || completed >= request || (inFlight?.covers ?? 0) >= request
        }
    }

    private struct InFlight {
        /// The last request that this delivery serves.
        var covers: Int
        /// Whether somebody waits for it.
        var isRequested: Bool
        var begin: ContinuousClock.Instant
        var cancellation: Cancellation
    }

    /// A delivery that is younger is not broken off for another one: a collector may be slow.
    private static let shortestDelivery: Duration = .seconds(1)

    private let exporter: any SnapshotExporter
    private let timeout: Duration
    private let timeSource: any TimeSource
    private let progress = Monitor(Progress())

    init(_ exporter: any SnapshotExporter, timeout: Duration, timeSource: any TimeSource) {
        self.exporter = exporter
        self.timeout = timeout
        self.timeSource = timeSource
    }

    var statistics: ExportStatistics { exporter.statistics }

    /// The last request so far: a snapshot that is taken from now on serves it.
    var requested: Int { progress.read { $0.requested } }

    /// Takes a snapshot over, on the calling thread, for all requests up to the given one. Waits for nobody.
    func accept(_ snapshot: MetricSnapshot, serving request: Int) {
        exporter.accept(snapshot)
        progress.mutate { $0.collected = request }
    }

    /// Delivers what was accepted so far, on the calling thread.
    ///
    /// - Parameter stop: cancels the delivery.
    func deliverOnce(_ stop: Cancellation) {
        let cancellation = Cancellation()
        let (covers, deadline) = progress.mutate { progress in
            let begin = timeSource.now
            let isRequested = progress.collected > progress.completed
            progress.inFlight = InFlight(
                covers: progress.collected,
                isRequested: isRequested,
                begin: begin,
                cancellation: cancellation
            )
            let own = begin + timeout
            return (progress.collected, isRequested ? min(progress.requestDeadline ?? own, own) : own)
        }
        let isDelivered = stop.withAction({ cancellation.cancel() }) {
            exporter.deliver(deadline: deadline, cancellation: cancellation)
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
        exporter.close()
        progress.mutate { $0.isClosed = true }
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

    /// Waits until a delivery that covers the request has begun; at the deadline, breaks off the one that stands in its way,
    /// unless somebody waits for that one, or it has only just begun.
    func makeWay(for request: Int, until deadline: ContinuousClock.Instant) {
        guard !waitForBegin(of: request, until: deadline) else { return }
        guard let obstacle = progress.read({ $0.inFlight }), !obstacle.isRequested else { return }
        guard !waitForBegin(of: request, until: obstacle.begin + Self.shortestDelivery) else { return }
        // By now another one may be under way, which it does not concern.
        obstacle.cancellation.cancel()
    }

    private func waitForBegin(of request: Int, until deadline: ContinuousClock.Instant) -> Bool {
        timeSource.wait(on: progress, until: deadline) { $0.hasBegun(request) ? true : nil } ?? false
    }

    /// Waits for the outcome of a request; nil if there is none at the deadline.
    func outcome(of request: Int, until deadline: ContinuousClock.Instant) -> Bool? {
        timeSource.wait(on: progress, until: deadline) { progress in
            if progress.completed >= request { return progress.isCompletedDelivered }
            return progress.isClosed ? false : nil
        }
    }
}
