// The module's entry point: polls serving engines and the application's own sources, each on its own thread.

/// Polls serving engines by their Prometheus metrics and passes their readings on.
///
/// ``EngineTarget`` says where an engine is; ``ServerMetricsSource`` is a server that the application reads itself. A server
/// that can't be reached or understood has a reading that is down, with the engine that was last recognised. A poll takes
/// two seconds at most.
///
/// Thread-safe. Every target and every source has its own background thread, named `genai-engines`, so one that hangs never
/// delays another. The closures are called on these threads. The threads do not keep the process from exiting, and they end
/// with the poller.
///
/// ```swift
/// let poller = EngineServerMetricsPoller(targets: [EngineTarget(url: url)]) { reading in
///     print(reading.server.address, reading.problem ?? "is up", reading.models)
/// } onWithdrawal: { server in
///     print(server.address, "is gone")
/// }
/// poller.start()
/// // ... and when it is no longer needed:
/// poller.stop()
/// ```
public final class EngineServerMetricsPoller: Sendable {
    /// The time limit of one poll of a server.
    package static let pollTimeout: Duration = .seconds(2)

    private struct Target: Sendable {
        var request: TargetRequest
        let server: PolledServer
    }

    private struct State: Sendable {
        /// By the identity of their readings, without the engine.
        var targets: [ServerIdentity: Target] = [:]
        /// Removed targets whose threads may still be busy.
        var retired: [PolledServer] = []
        /// The texts of the notes about the current targets, so that each is logged once.
        var notes: Set<String> = []
        var isStarted = false
        var isClosed = false
    }

    private let sources: [PolledServer]
    /// The sources whose identities are still to be compared: none after the first start.
    private let newSources: Locked<[any ServerMetricsSource]>
    private let sourceLog: Log
    private let pollTimeout: Duration
    private let timeSource: any TimeSource
    private let log: Log
    private let onReading: @Sendable (ServerReading) -> Void
    private let onWithdrawal: @Sendable (ServerIdentity) -> Void
    /// Threads are started and told to stop under this lock, so the last call wins. No application code runs under it.
    private let state = Locked(State())

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - targets: the engines to poll; ``setTargets(_:)`` says which are left out.
    ///   - sources: servers that the application reads itself; by default none.
    ///   - logLevel: the least important level that is logged; nil logs nothing. By default ``LogLevel/info``.
    ///   - logHandler: receives the lines; by default they are written to standard error.
    ///   - onReading: receives each reading, on the server's own thread; never after ``stop(timeout:)`` returned true. The
    ///     server's next poll waits for it.
    ///   - onWithdrawal: receives the identity of a server whose readings are no longer valid: another engine answers
    ///     at its address, a source's `server` has changed, or the target was removed. Called on the server's own
    ///     thread or by ``setTargets(_:)``, possibly more than once. A stop withdraws nothing.
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
        self.sourceLog = sourceLog
        newSources = Locked(sources)
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

    /// Whether a thread is running: true from ``start()`` until the last one has ended, even that of a removed target. False
    /// if there is nothing to poll.
    public var isRunning: Bool { state.withLock { servers($0) }.contains(where: \.isRunning) }

    /// Replaces the engines that are polled. Sources stay.
    ///
    /// If the poller is started, new engines are polled at once. Missing ones are withdrawn, and the others continue
    /// without a gap. An engine whose credentials, headers, certificate file or interval have changed is polled with the
    /// new ones, also without a gap. Never blocks on the network.
    ///
    /// ```swift
    /// let poller = EngineServerMetricsPoller(targets: []) { reading in print(reading) }
    /// poller.start()
    /// poller.setTargets([EngineTarget(url: url)])
    /// ```
    ///
    /// - Parameter targets: all engines to poll from now on. A target with an unusable URL is left out with a warning, one
    ///   with an unusable certificate file with an error. A target is also left out if its readings could not be told apart
    ///   from another's: it needs another host, port, path, `model` in the query, or attributes.
    public func setTargets(_ targets: [EngineTarget]) {
        let (requests, notes) = TargetRequest.requests(for: targets)
        var removed: [PolledServer] = []
        var newNotes: [TargetRequest.Note] = []
        let hasThreads = state.withLock { state in
            guard !state.isClosed else { return true }
            newNotes = notes.filter { !state.notes.contains($0.text) }
            state.notes = Set(notes.map(\.text))
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
        for note in newNotes { log.write(note.level) { note.text } }
        for server in removed { server.retire() }
        if !hasThreads { logMissingThreads() }
    }

    /// Starts polling, at once and then at each server's interval.
    ///
    /// Does nothing if the poller is running. Never blocks. If the system can't start all threads, an error is logged.
    public func start() {
        warnOfTwins()
        let hasThreads = state.withLock { state in
            guard !state.isClosed else { return true }
            state.isStarted = true
            return start(servers(state))
        }
        if !hasThreads { logMissingThreads() }
    }

    /// Cancels running polls, ends polling and closes the connections. The poller can be started again.
    ///
    /// - Parameter timeout: the longest time to block the calling thread, from 0 to a year; by default 5 seconds.
    /// - Returns: true if all threads have ended, so that no reading follows. False if one was still busy after `timeout`,
    ///   or if this is called from `onReading`; the thread then ends as soon as its work returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + timeout.withinAYear
        let told = tellToStop()
        // Otherwise two handlers that stop the poller at the same time would wait for each other.
        guard !told.contains(where: \.server.isCurrentThread) else { return false }
        // Waits only for the runs that were told to stop: a start in the meantime wins.
        return told.reduce(true) { allEnded, told in
            told.server.waitForEnd(of: told.runs, timeout: ContinuousClock.now.duration(to: deadline)) && allEnded
        }
    }

    /// Cancels running polls and prevents further ones, without waiting.
    package func requestStop() { tellToStop() }

    /// Like ``requestStop()``, and forever: later calls of ``start()`` and ``setTargets(_:)`` do nothing.
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

    /// - Returns: false if the system could not start all threads. Removed targets are closed and do not start.
    private func start(_ servers: [PolledServer]) -> Bool {
        servers.reduce(true) { $1.start() && $0 }
    }

    /// Warns of sources that have the identity of another source or of a target. It calls the sources, so it must not be
    /// called under the lock.
    private func warnOfTwins() {
        let sources = newSources.withLock { sources in
            defer { sources = [] }
            return sources
        }
        guard !sources.isEmpty else { return }
        let targets = state.withLock { Set($0.targets.keys) }
        var known: Set<ServerIdentity> = []
        for server in sources.map(\.server) {
            // A target's engine is not known yet.
            var place = server
            place.engine = nil
            if !known.insert(server).inserted {
                sourceLog.warning(
                    "\(SourcePoll.name(server)) is configured twice, and each overwrites the other: give one of them another port or attributes"
                )
            } else if targets.contains(place) {
                sourceLog.warning(
                    "\(SourcePoll.name(server)) is polled as an engine too, and each overwrites the other: keep one of them"
                )
            }
        }
    }

    private func logMissingThreads() {
        log.error("Not all engines are polled: the system can't start another thread")
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
