// Collects and exports at an interval, and whenever it is asked to.

/// Two threads: one collects at each interval (metrics SDK specification, "Periodic exporting MetricReader"), and one
/// delivers what was collected, so that a collector that is slow or away does not hold up collecting.
final class PeriodicExporter: Sendable {
    /// While exports wait for a collector that is away, it is tried again after this time, if not before for a new export.
    static let outageRetryInterval: Duration = .seconds(15)

    private let worker: ExportWorker
    private let timeSource: any TimeSource
    private let collecting: RepeatingThread
    private let exporting: RepeatingThread

    /// - Parameters:
    ///   - timeout: the longest that one export may take, over all exporters.
    ///   - collect: takes the snapshot; called on the collecting thread, at last on the one that shuts down.
    init(
        exporters: [any SnapshotExporter],
        interval: Duration,
        timeout: Duration,
        timeSource: any TimeSource = SystemTimeSource(),
        collect: @escaping @Sendable () -> MetricSnapshot
    ) {
        let worker = ExportWorker(exporters: exporters, timeout: timeout, timeSource: timeSource, collect: collect)
        let exporting = RepeatingThread(
            name: "genai-export",
            interval: Self.outageRetryInterval,
            firstRun: .afterOneInterval,
            timeSource: timeSource,
            body: worker.deliverOnce
        )
        self.worker = worker
        self.timeSource = timeSource
        self.exporting = exporting
        collecting = RepeatingThread(
            name: "genai-collect",
            interval: interval,
            firstRun: .afterOneInterval,
            timeSource: timeSource
        ) { _ in
            worker.collectOnce()
            exporting.wake()
        }
    }

    var statistics: ExportStatistics { worker.statistics }

    func start() {
        exporting.start()
        collecting.start()
    }

    /// Exports what there is now, after whatever waits to be delivered, and waits for the outcome.
    ///
    /// A delivery that is under way and does not end within half the time is broken off and begun again, over a new
    /// connection.
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
        // The last tenth is for ending the thread: what is still under way then is cancelled, which takes a moment.
        let isDelivered =
            hasCollectingEnded
            && export(timeout: timeSource.now.duration(to: deadline) * 0.9) {
                worker.collectOnce()
                exporting.wake()
            }
        let hasEnded = exporting.stop(timeout: max(timeSource.now.duration(to: deadline), Self.shortestEnd))
        worker.close()
        return isDelivered && hasEnded
    }

    /// The least time that a thread is given to end.
    private static let shortestEnd: Duration = .milliseconds(50)

    private func export(timeout: Duration, collect: () -> Void) -> Bool {
        let start = timeSource.now
        let request = worker.request(deadline: start + timeout)
        collect()
        worker.makeWay(for: request, until: start + timeout / 2)
        return worker.outcome(of: request, until: start + timeout) ?? false
    }
}
