// Collects and exports at an interval, and whenever it is asked to.

/// A thread that collects at each interval (metrics SDK specification, "Periodic exporting MetricReader"), and for each
/// exporter one that delivers what was collected: whoever is slow or away holds up neither collecting nor another exporter.
final class PeriodicExporter: Sendable {
    /// An exporter's worker and the thread that it works on.
    private struct Exporting: Sendable {
        let worker: ExportWorker
        let thread: RepeatingThread
    }

    /// While exports wait for a collector that is away, it is tried again after this time, if not before for a new export.
    static let outageRetryInterval: Duration = .seconds(15)

    private let collect: @Sendable () -> Void
    private let exporting: [Exporting]
    private let collecting: RepeatingThread
    private let timeSource: any TimeSource

    /// - Parameters:
    ///   - timeout: the longest that one export may take.
    ///   - collect: takes the snapshot; called on the collecting thread, at last on the one that shuts down.
    init(
        exporters: [any SnapshotExporter],
        interval: Duration,
        timeout: Duration,
        timeSource: any TimeSource = SystemTimeSource(),
        collect: @escaping @Sendable () -> MetricSnapshot
    ) {
        let exporting = exporters.map { exporter in
            let worker = ExportWorker(exporter, timeout: timeout, timeSource: timeSource)
            let thread = RepeatingThread(
                name: "genai-export",
                interval: Self.outageRetryInterval,
                firstRun: .afterOneInterval,
                timeSource: timeSource,
                body: worker.deliverOnce
            )
            return Exporting(worker: worker, thread: thread)
        }
        let collectForAll: @Sendable () -> Void = {
            let requests = exporting.map(\.worker.requested)
            let snapshot = collect()
            for (exporting, request) in zip(exporting, requests) {
                exporting.worker.accept(snapshot, serving: request)
                exporting.thread.wake()
            }
        }
        self.exporting = exporting
        self.timeSource = timeSource
        self.collect = collectForAll
        collecting = RepeatingThread(
            name: "genai-collect",
            interval: interval,
            firstRun: .afterOneInterval,
            timeSource: timeSource
        ) { _ in collectForAll() }
    }

    var statistics: ExportStatistics { exporting.map(\.worker.statistics).reduce(ExportStatistics(), +) }

    /// - Returns: whether the system had threads for all.
    @discardableResult
    func start() -> Bool {
        exporting.reduce(collecting.start()) { $1.thread.start() && $0 }
    }

    /// Exports what there is now, after whatever waits to be delivered, and waits for the outcome.
    ///
    /// A delivery that is under way, that nobody waits for and that does not end within half the time, is broken off and begun
    /// again, over a new connection.
    ///
    /// - Returns: whether all was delivered before the timeout; false if the threads do not run.
    func flush(timeout: Duration) -> Bool {
        guard collecting.isRunning else { return false }
        return export(timeout: timeout) { collecting.wake() }
    }

    /// Exports a last time and ends the threads. What can't be delivered by then is dropped.
    ///
    /// - Returns: whether everything was delivered and the threads have ended.
    func shutdown(timeout: Duration) -> Bool {
        let deadline = timeSource.now + timeout
        // Collecting ends first, so that no snapshot is taken after the last one that is delivered.
        let hasCollectingEnded = collecting.stop(timeout: max(timeout / 2, Self.shortestEnd))
        // The last tenth is for ending the threads: what is still under way then is cancelled, which takes a moment.
        let isDelivered =
            hasCollectingEnded && export(timeout: timeSource.now.duration(to: deadline) * 0.9, collect: collect)
        for exporting in exporting { exporting.thread.requestStop() }
        let haveEnded = exporting.map { exporting in
            exporting.thread.stop(timeout: max(timeSource.now.duration(to: deadline), Self.shortestEnd))
        }
        for exporting in exporting { exporting.worker.close() }
        return isDelivered && haveEnded.allSatisfy(\.self)
    }

    /// The least time that a thread is given to end.
    private static let shortestEnd: Duration = .milliseconds(50)

    private func export(timeout: Duration, collect: () -> Void) -> Bool {
        let start = timeSource.now
        // Nobody would answer for a thread that could not be started.
        let requests = exporting.filter(\.thread.isRunning).map {
            ($0.worker, $0.worker.request(deadline: start + timeout))
        }
        collect()
        for (worker, request) in requests { worker.makeWay(for: request, until: start + timeout / 2) }
        let outcomes = requests.map { worker, request in worker.outcome(of: request, until: start + timeout) ?? false }
        return outcomes.count == exporting.count && outcomes.allSatisfy(\.self)
    }
}
