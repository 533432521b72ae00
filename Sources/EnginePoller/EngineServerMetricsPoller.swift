// The module's front: polls serving engines and the application's own sources, each on a thread of its own.

/// Polls serving engines by their Prometheus metrics and hands their readings on.
///
/// Every target and every source has a background thread named `genai-engines`, so one that hangs never delays another.
/// A server that can't be reached or understood gives a reading that is down, with the engine that was last recognised.
/// Thread-safe. The threads never keep a process from exiting, and end with the poller.
///
/// ```swift
/// let poller = EngineServerMetricsPoller(targets: [EngineTarget(url: gemma)]) { reading in
///     print(reading.server.address, reading.models)
/// } onWithdrawal: { server in
///     print(server.address, "is gone")
/// }
/// poller.start()
/// poller.setTargets([EngineTarget(url: gemma), EngineTarget(url: qwen)])
/// ```
public final class EngineServerMetricsPoller: Sendable {
    /// How long one poll of a server may take in all.
    package static let pollTimeout: Duration = .seconds(2)

    private struct Target: Sendable {
        var request: TargetRequest
        let server: PolledServer
    }

    private struct State: Sendable {
        /// By what their readings go by, without the engine.
        var targets: [ServerIdentity: Target] = [:]
        /// Targets that are gone and may be busy still.
        var retired: [PolledServer] = []
        /// What was said about the targets the last time.
        var warnings: Set<String> = []
        var isStarted = false
        var isClosed = false
    }

    private let sources: [PolledServer]
    private let pollTimeout: Duration
    private let timeSource: any TimeSource
    private let log: Log
    private let onReading: @Sendable (ServerReading) -> Void
    private let onWithdrawal: @Sendable (ServerIdentity) -> Void
    /// Threads are started and told to stop under this lock, so that what came last counts; nothing of the application's is
    /// called under it.
    private let state = Locked(State())

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - targets: the engines to poll; ``setTargets(_:)`` tells which are left out.
    ///   - sources: servers that the application itself knows how to read.
    ///   - logLevel: from which importance on lines are written.
    ///   - logHandler: where lines go; by default to standard error.
    ///   - onReading: receives each reading, on the server's own thread; never after ``stop(timeout:)`` returned true.
    ///   - onWithdrawal: receives the identity of a server whose readings no longer hold: another engine answers at its
    ///     address, a source has another `server`, or the target was removed. Called on the server's own thread or by
    ///     ``setTargets(_:)``, perhaps more than once. A stop withdraws nothing.
    public convenience init(
        targets: [EngineTarget],
        sources: [any ServerMetricsSource] = [],
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void = { _ in }
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(targets: targets, sources: sources, log: log, onReading: onReading, onWithdrawal: onWithdrawal)
    }

    package init(
        targets: [EngineTarget],
        sources: [any ServerMetricsSource] = [],
        log: Log,
        timeSource: any TimeSource = SystemTimeSource(),
        pollTimeout: Duration = EngineServerMetricsPoller.pollTimeout,
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void = { _ in }
    ) {
        self.log = log.about(["component": "engines"])
        self.timeSource = timeSource
        self.pollTimeout = pollTimeout
        self.onReading = onReading
        self.onWithdrawal = onWithdrawal
        let sourceLog = log.about(["component": "sources"])
        self.sources = sources.map { source in
            let latest = Locked<SourceRead?>(nil)
            return PolledServer(
                threadName: Self.threadName,
                log: sourceLog,
                timeSource: timeSource,
                onReading: onReading,
                onWithdrawal: onWithdrawal
            ) { _ in SourcePoll(source, latest: latest, timeout: pollTimeout, timeSource, sourceLog) }
        }
        setTargets(targets)
    }

    deinit { requestStop() }

    private static let threadName = "genai-engines"

    /// True from ``start()`` until the last thread has ended, those of removed targets too; false if there is nothing to
    /// poll.
    public var isRunning: Bool { state.withLock { servers($0) }.contains(where: \.isRunning) }

    /// Replaces the engines that are polled; sources stay.
    ///
    /// New ones are polled at once if the poller is started, missing ones are no longer polled and are withdrawn, and the
    /// others go on undisturbed. One that differs in credentials, headers or interval only is polled anew without a gap.
    /// Never blocks on the network. Thread-safe.
    ///
    /// ```swift
    /// poller.setTargets(pods.map { EngineTarget(url: $0.metricsURL, attributes: ["pod": $0.name]) })
    /// ```
    ///
    /// - Parameter targets: all engines to poll from now on. One with an unusable URL is left out with a warning. One that is
    ///   there twice is polled once, and so are two whose readings could not be told apart: they need another host, port,
    ///   path, `model` in the query, or attributes of their own.
    public func setTargets(_ targets: [EngineTarget]) {
        let (requests, warnings) = TargetRequest.requests(for: targets)
        var removed: [PolledServer] = []
        var newWarnings: [String] = []
        let hasThreads = state.withLock { state in
            guard !state.isClosed else { return true }
            newWarnings = warnings.filter { !state.warnings.contains($0) }
            state.warnings = Set(warnings)
            var former = state.targets
            state.targets = [:]
            for request in requests {
                state.targets[request.identity] = target(
                    for: request,
                    former: former.removeValue(forKey: request.identity)
                )
            }
            removed = former.values.map(\.server)
            for server in removed { server.close() }
            state.retired = (state.retired + removed).filter(\.isRunning)
            return !state.isStarted || start(servers(state))
        }
        for warning in newWarnings { log.warning(warning) }
        for server in removed { server.retire() }
        if !hasThreads { logMissingThreads() }
    }

    /// Starts polling, at once and then at each target's interval; does nothing if it is running. Never blocks. If the
    /// system has no threads left for all of them, that is logged.
    public func start() {
        let hasThreads = state.withLock { state in
            guard !state.isClosed else { return true }
            state.isStarted = true
            return start(servers(state))
        }
        if !hasThreads { logMissingThreads() }
    }

    /// Ends polling and closes the connections. Polls that are under way are cancelled. It can be started again.
    ///
    /// - Parameter timeout: the longest that this blocks; 0 or more, at most a year.
    /// - Returns: true once every thread has ended; false if one is still busy after `timeout`, or if this is called from
    ///   `onReading`. It ends as soon as what it is busy with returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + timeout.withinAYear
        let told = tellToStop()
        // Two handlers that stop the poller at a time would wait for each other.
        guard !told.contains(where: \.server.isCurrentThread) else { return false }
        // Waits for those that were told only: whoever starts the poller meanwhile came last.
        return told.reduce(true) { allEnded, told in
            told.server.waitForEnd(of: told.runs, timeout: ContinuousClock.now.duration(to: deadline)) && allEnded
        }
    }

    /// Cancels polls that are under way and lets no other begin, without waiting.
    package func requestStop() { tellToStop() }

    /// Like ``requestStop()``, and neither ``start()`` nor ``setTargets(_:)`` does anything after it.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            for server in servers(state) { server.close() }
        }
    }

    @discardableResult
    private func tellToStop() -> [(server: PolledServer, runs: [Cancellation])] {
        state.withLock { state in
            state.isStarted = false
            return servers(state).map { ($0, $0.requestStop()) }
        }
    }

    private func servers(_ state: State) -> [PolledServer] {
        state.targets.values.map(\.server) + sources + state.retired
    }

    /// - Returns: whether the system had threads for all. Removed ones are closed and do not start.
    private func start(_ servers: [PolledServer]) -> Bool {
        servers.reduce(true) { $1.start() && $0 }
    }

    private func logMissingThreads() {
        log.error("Not all engines are polled: the system starts no more threads")
    }

    private func target(for request: TargetRequest, former: Target?) -> Target {
        if let former, former.request == request { return former }
        let makePoll: PolledServer.MakePoll = { [pollTimeout, timeSource, log] last in
            TargetPoll(request, engine: last?.engine, timeout: pollTimeout, timeSource, log)
        }
        former?.server.replacePoll(makePoll)
        let server =
            former?.server
            ?? PolledServer(
                threadName: Self.threadName,
                log: log,
                timeSource: timeSource,
                onReading: onReading,
                onWithdrawal: onWithdrawal,
                makePoll: makePoll
            )
        return Target(request: request, server: server)
    }
}
