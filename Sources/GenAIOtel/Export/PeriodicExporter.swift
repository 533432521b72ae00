// Collects and exports at an interval and on request.

/// One thread collects at each interval (metrics SDK specification, "Periodic exporting MetricReader"). Each exporter
/// has its own thread for deliveries, so that a slow receiver delays neither collecting nor another exporter.
final class PeriodicExporter: Sendable {
    /// One exporter.
    private struct Lane: Sendable {
        let delivery: Delivery
        let thread: RepeatingThread
    }

    /// While exports wait for an unreachable collector, it is tried again after this time or with a new export.
    static let outageRetryInterval: Duration = .seconds(15)

    /// The shortest time that threads get to end.
    private static let shortestEnd: Duration = .milliseconds(50)

    private let lanes: [Lane]
    private let collecting: RepeatingThread
    private let collectOnce: @Sendable () -> Void
    private let timeSource: any TimeSource

    /// - Parameters:
    ///   - timeout: the time limit of one export.
    ///   - log: receives a line for each export.
    ///   - takeSnapshot: called on the collecting thread, and at the end on the thread that shuts down.
    init(
        exporters: [any SnapshotExporter],
        interval: Duration,
        timeout: Duration,
        timeSource: any TimeSource = SystemTimeSource(),
        log: Log = Log(level: nil),
        collect takeSnapshot: @escaping @Sendable () -> MetricSnapshot
    ) {
        let lanes = exporters.map { exporter in
            let delivery = Delivery(exporter, timeout: timeout, timeSource: timeSource, log: log)
            let thread = RepeatingThread(
                name: "genai-export",
                interval: Self.outageRetryInterval,
                firstRun: .afterOneInterval,
                timeSource: timeSource,
                body: delivery.deliver
            )
            return Lane(delivery: delivery, thread: thread)
        }
        let collectOnce: @Sendable () -> Void = {
            let numbers = lanes.map { $0.delivery.nextNumber() }
            let snapshot = takeSnapshot()
            for (lane, number) in zip(lanes, numbers) {
                lane.delivery.accept(snapshot, number: number)
                lane.thread.wake()
            }
        }
        self.lanes = lanes
        self.collectOnce = collectOnce
        self.timeSource = timeSource
        collecting = RepeatingThread(
            name: "genai-collect",
            interval: interval,
            firstRun: .afterOneInterval,
            timeSource: timeSource,
            body: { _ in collectOnce() }
        )
    }

    var statistics: ExportStatistics { lanes.map(\.delivery.statistics).reduce(ExportStatistics(), +) }

    /// Starts the threads; does nothing after ``shutdown(timeout:)``.
    ///
    /// - Returns: false if the system could not start all threads.
    @discardableResult
    func start() -> Bool {
        lanes.reduce(collecting.start()) { $1.thread.start() && $0 }
    }

    /// Exports the current values, after the exports that are waiting, and waits for the outcome.
    ///
    /// If a delivery that nobody waits for is running and does not end within half the time, it is broken off and
    /// repeated over a new connection.
    ///
    /// - Returns: whether the snapshot was delivered in time; false if the threads do not run.
    func flush(timeout: Duration) -> Bool {
        guard collecting.isRunning else { return false }
        return export(timeout: timeout.withinAYear, collect: collecting.wake)
    }

    /// Exports a last time and ends the threads. What is not delivered by then is dropped.
    ///
    /// - Returns: whether the last snapshot was delivered and the threads have ended.
    func shutdown(timeout: Duration) -> Bool {
        let timeout = timeout.withinAYear
        let deadline = timeSource.now + timeout
        // Collecting ends first, so that no other snapshot follows the last one.
        collecting.close()
        let hasCollectingEnded = collecting.stop(timeout: max(timeout / 2, Self.shortestEnd))
        // The last tenth is for ending the threads: cancelling what is still running takes a moment.
        let isDelivered =
            hasCollectingEnded && export(timeout: timeSource.now.duration(to: deadline) * 0.9, collect: collectOnce)
        for lane in lanes { lane.thread.close() }
        let haveEnded = lanes.map { lane in
            lane.thread.stop(timeout: max(timeSource.now.duration(to: deadline), Self.shortestEnd))
        }
        for lane in lanes { lane.delivery.close() }
        return isDelivered && haveEnded.allSatisfy(\.self)
    }

    private func export(timeout: Duration, collect: () -> Void) -> Bool {
        let start = timeSource.now
        let deadline = start + timeout
        // A thread that does not run would never report an outcome.
        let expected = lanes.filter(\.thread.isRunning).map { ($0.delivery, $0.delivery.expectNext(by: deadline)) }
        guard !expected.isEmpty else { return false }
        collect()
        for (delivery, number) in expected {
            delivery.makeWay(for: number, at: start + timeout / 2, until: deadline)
        }
        let outcomes = expected.map { delivery, number in delivery.outcome(of: number, until: deadline) }
        return outcomes.count == lanes.count && outcomes.allSatisfy(\.self)
    }
}
