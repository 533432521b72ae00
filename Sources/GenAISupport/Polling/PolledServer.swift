// One polled server: its thread, its poll, and the identity under which it reports.

/// Reads one server repeatedly during one run of its thread. Used on that thread only.
package protocol ServerPoll {
    /// The server's name at the beginning of a log line.
    var name: String { get }

    /// Time from one poll to the next, read when the run begins. 5 seconds are used if it is not more than 0.
    var interval: Duration { get }

    /// Reads the server once, blocking until there is a reading.
    ///
    /// - Returns: nil if it was cancelled.
    func read(_ cancellation: Cancellation) -> ServerReading?

    /// Closes the connections. Nothing is read afterwards.
    func close()
}

/// Polls one server on its own thread and passes its readings on. When the server's identity changes, withdraws what
/// was reported under the earlier one.
///
/// Thread-safe. Handlers and polls are called on the server's thread, never under a lock; only ``retire()`` calls
/// `onWithdrawal` on the caller's thread.
package final class PolledServer: Sendable {
    /// Makes the poll of one run, on the run's thread. Receives the identity that was last reported.
    package typealias MakePoll = @Sendable (_ last: ServerIdentity?) -> any ServerPoll

    /// Replaces an interval that is not more than 0.
    package static let defaultInterval: Duration = .seconds(5)

    private let thread: RepeatingThread
    private let reports: Reports

    /// - Parameters:
    ///   - threadName: Linux shows 15 characters.
    ///   - onReading: receives one reading for each poll that was not cancelled.
    ///   - onWithdrawal: receives each identity that is no longer reported, possibly more than once.
    package init(
        threadName: String,
        log: Log,
        timeSource: any TimeSource,
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void,
        makePoll: @escaping MakePoll
    ) {
        let reports = Reports(makePoll: makePoll, onReading: onReading, onWithdrawal: onWithdrawal)
        self.reports = reports
        // The thread must not refer to this object, or the object could never be released.
        thread = RepeatingThread(name: threadName, timeSource: timeSource) {
            let poll = reports.makePoll()
            var interval = poll.interval
            if interval <= .zero {
                log.warning("\(poll.name): the interval must be more than 0; using 5 seconds")
                interval = Self.defaultInterval
            }
            let turn = { (cancellation: Cancellation) in
                if let reading = poll.read(cancellation) { reports.report(reading, cancellation) }
            }
            return RepeatingThread.Work(interval: interval, turn: turn, end: poll.close)
        }
    }

    /// True from ``start()`` until every thread has ended.
    package var isRunning: Bool { thread.isRunning }

    /// Whether the calling thread is one of this server's, as it is in its handlers.
    package var isCurrentThread: Bool { thread.isCurrentThread }

    /// Polls at once and then at each interval. Does nothing if it is running, or after ``close()`` or ``retire()``.
    ///
    /// - Returns: false if the system has no thread left.
    @discardableResult
    package func start() -> Bool { thread.start() }

    /// Cancels the current poll and prevents further ones, without waiting. Reported values stay.
    @discardableResult
    package func requestStop() -> [Cancellation] { thread.requestStop() }

    /// ``RepeatingThread/waitForEnd(of:timeout:)``.
    package func waitForEnd(of runs: [Cancellation], timeout: Duration) -> Bool {
        thread.waitForEnd(of: runs, timeout: timeout)
    }

    /// ``RepeatingThread/stop(timeout:)``. Reported values stay.
    @discardableResult
    package func stop(timeout: Duration) -> Bool { thread.stop(timeout: timeout) }

    /// Like ``requestStop()``, and forever: later starts do nothing.
    package func close() { thread.close() }

    /// Like ``close()``, and withdraws what was reported. No reading of this server follows its withdrawal.
    package func retire() {
        close()
        reports.retire()
    }

    /// Ends the current run; the next start uses the new poll. The new poll's readings replace those of the old one.
    package func replacePoll(_ makePoll: @escaping MakePoll) {
        reports.replace(makePoll)
        requestStop()
    }
}

/// The last report of a server. Several runs may report at once: one that was told to stop may still be in a handler.
private struct Reports: Sendable {
    private struct State: Sendable {
        var makePoll: PolledServer.MakePoll
        /// The identity of the last reading that was passed on.
        var last: ServerIdentity?
        var isRetired = false
    }

    private let state: Locked<State>
    private let onReading: @Sendable (ServerReading) -> Void
    private let onWithdrawal: @Sendable (ServerIdentity) -> Void

    init(
        makePoll: @escaping PolledServer.MakePoll,
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void
    ) {
        state = Locked(State(makePoll: makePoll))
        self.onReading = onReading
        self.onWithdrawal = onWithdrawal
    }

    func makePoll() -> any ServerPoll {
        let (makePoll, last) = state.withLock { ($0.makePoll, $0.last) }
        return makePoll(last)
    }

    func replace(_ makePoll: @escaping PolledServer.MakePoll) { state.withLock { $0.makePoll = makePoll } }

    func report(_ reading: ServerReading, _ cancellation: Cancellation) {
        let server = reading.server
        var former: ServerIdentity?
        // The cancellation is checked under the lock, so that an earlier run can't report after a later one.
        let isWanted = state.withLock { state in
            guard !state.isRetired, !cancellation.isCancelled else { return false }
            former = state.last
            state.last = server
            return true
        }
        guard isWanted else { return }
        if let former, former != server { onWithdrawal(former) }
        onReading(reading)
        // Meanwhile the server may have been retired, or a later run may have reported another identity. Then this
        // identity was withdrawn before its reading was passed on, and has to be withdrawn again.
        let isCurrent = state.withLock { !$0.isRetired && $0.last == server }
        if !isCurrent { onWithdrawal(server) }
    }

    func retire() {
        let last = state.withLock { state in
            state.isRetired = true
            defer { state.last = nil }
            return state.last
        }
        if let last { onWithdrawal(last) }
    }
}
