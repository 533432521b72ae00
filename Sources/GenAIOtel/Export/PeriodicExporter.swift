// Exports at an interval, and whenever it is asked to.

/// A thread that exports at each interval (metrics SDK specification, "Periodic exporting MetricReader").
final class PeriodicExporter: Sendable {
    private let worker: ExportWorker
    private let timeSource: any TimeSource
    private let thread: RepeatingThread

    /// - Parameters:
    ///   - timeout: the longest that one export may take, over all exporters.
    ///   - collect: takes the snapshot; called on the export thread.
    init(
        exporters: [any SnapshotExporter],
        interval: Duration,
        timeout: Duration,
        timeSource: any TimeSource = SystemTimeSource(),
        collect: @escaping @Sendable () -> MetricSnapshot
    ) {
        let worker = ExportWorker(exporters: exporters, timeout: timeout, timeSource: timeSource, collect: collect)
        self.worker = worker
        self.timeSource = timeSource
        thread = RepeatingThread(
            name: "genai-export",
            interval: interval,
            firstRun: .afterOneInterval,
            timeSource: timeSource,
            body: worker.exportOnce
        )
    }

    var statistics: ExportStatistics { worker.statistics }

    func start() { thread.start() }

    /// Exports what there is now and waits for the outcome.
    ///
    /// An export that is under way and does not end within half the time is given up for a new one with newer values.
    ///
    /// - Returns: whether it was delivered before the timeout; false if the thread does not run.
    func flush(timeout: Duration) -> Bool {
        guard thread.isRunning else { return false }
        let start = timeSource.now
        let request = worker.request(deadline: start + timeout)
        thread.wake()
        worker.makeWay(for: request, until: start + timeout / 2)
        return worker.outcome(of: request, until: start + timeout) ?? false
    }

    /// Exports a last time and ends the thread.
    ///
    /// - Returns: whether the last export was delivered and the thread has ended.
    func shutdown(timeout: Duration) -> Bool {
        let deadline = timeSource.now + timeout
        // The last tenth is for ending the thread: what is still under way then is cancelled, which takes a moment.
        let isDelivered = flush(timeout: timeout * 0.9)
        let hasEnded = thread.stop(timeout: max(timeSource.now.duration(to: deadline), .milliseconds(50)))
        worker.close()
        return isDelivered && hasEnded
    }
}
