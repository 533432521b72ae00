// The module's front: polls serving engines and the application's own sources, each on a thread of its own.

/// Polls serving engines by their Prometheus metrics and hands their readings on.
///
/// Every target and every source has a background thread named `genai-engines`, so one that hangs never delays another.
/// A server that can't be reached or understood gives a reading that is down, with the engine that was last recognised.
/// Thread-safe. The threads never keep a process from exiting, and end with the poller.
public final class EngineServerMetricsPoller: Sendable {
    /// How long one poll of a server may take in all.
    package static let pollTimeout: Duration = .seconds(2)

    private let workers: [PollingWorker]
    private let log: Log

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - targets: the engines to poll. One with an unusable URL is left out with a warning; one that is there twice is
    ///     polled once.
    ///   - sources: servers that the application itself knows how to read.
    ///   - logLevel: from which importance on lines are written.
    ///   - logHandler: where lines go; by default to standard error.
    ///   - onReading: receives each reading, on the server's own thread; never after ``stop(timeout:)`` returned true.
    public convenience init(
        targets: [EngineTarget],
        sources: [any ServerMetricsSource] = [],
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(targets: targets, sources: sources, log: log, onReading: onReading)
    }

    package init(
        targets: [EngineTarget],
        sources: [any ServerMetricsSource] = [],
        log: Log,
        timeSource: any TimeSource = SystemTimeSource(),
        pollTimeout: Duration = EngineServerMetricsPoller.pollTimeout,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        self.log = log
        let targetPollers: [any ServerPoller] = TargetRequest.requests(for: targets, log).map {
            TargetPoller($0, timeout: pollTimeout, timeSource, log)
        }
        let sourcePollers: [any ServerPoller] = sources.map { SourcePoller($0, timeout: pollTimeout, timeSource, log) }
        workers = (targetPollers + sourcePollers).map { PollingWorker($0, timeSource, onReading) }
    }

    deinit { requestStop() }

    /// True from ``start()`` until the last thread has ended; false if there is nothing to poll.
    public var isRunning: Bool { workers.contains { $0.isRunning } }

    /// Starts polling, at once and then at each target's interval; does nothing if it is running. Never blocks. If the
    /// system has no threads left for all of them, that is logged.
    public func start() {
        let starts = workers.map { $0.start() }
        guard !starts.allSatisfy(\.self) else { return }
        log.error("Not all engines are polled: the system starts no more threads")
    }

    /// Ends polling and closes the connections. Polls that are under way are cancelled. It can be started again.
    ///
    /// - Returns: true once every thread has ended; false if one is still busy after `timeout`, or if this is called from
    ///   `onReading`. It ends as soon as what it is busy with returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + timeout
        requestStop()
        var hasEnded = true
        for worker in workers where !worker.waitForEnd(until: deadline) { hasEnded = false }
        return hasEnded
    }

    /// Cancels polls that are under way and lets no other begin, without waiting.
    package func requestStop() {
        for worker in workers { worker.requestStop() }
    }
}
