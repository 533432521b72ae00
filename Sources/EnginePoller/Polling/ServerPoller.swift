// What the polling threads have in common, whether they read an engine or an application's source.

/// One server that can be read again and again.
protocol ServerPoller: Sendable {
    /// Time between two polls.
    var interval: Duration { get }

    /// Reads the server once; blocks until there is a reading.
    ///
    /// - Returns: nil if the cancellation was raised first.
    func poll(_ cancellation: Cancellation) -> ServerReading?

    /// Lets go of connections until the next poll.
    func close()
}

/// Polls one server on a thread of its own.
final class PollingWorker: Sendable {
    private let poller: any ServerPoller
    private let thread: RepeatingThread

    init(
        _ poller: any ServerPoller,
        _ timeSource: any TimeSource,
        _ onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        self.poller = poller
        thread = RepeatingThread(name: "genai-engines", interval: poller.interval, timeSource: timeSource) {
            cancellation in
            guard let reading = poller.poll(cancellation), !cancellation.isCancelled else { return }
            onReading(reading)
        }
    }

    var isRunning: Bool { thread.isRunning }
    /// - Returns: false if the system has no thread left for it.
    func start() -> Bool { thread.start() }
    func requestStop() { thread.requestStop() }

    func waitForEnd(until deadline: ContinuousClock.Instant) -> Bool {
        defer { poller.close() }
        return thread.stop(timeout: ContinuousClock.now.duration(to: deadline))
    }
}
