// One server that is polled: a thread, what it reads with, and the identity under which it reports.

/// Reads one server again and again during one run of its thread; used on that thread only.
package protocol ServerPoll {
    /// What the log calls the server, at the beginning of a line.
    var name: String { get }

    /// Time from one poll to the next, asked for when the run begins. 5 seconds if it is not more than 0.
    var interval: Duration { get }

    /// Reads the server once; blocks until there is a reading.
    ///
    /// - Returns: nil if the cancellation was raised first.
    func read(_ cancellation: Cancellation) -> ServerReading?

    /// Lets go of connections; nothing is read after it.
    func close()
}

/// Polls one server on a thread of its own, hands its readings over, and takes back what it has reported under an identity
/// that it no longer has.
///
/// Thread-safe. Handlers and polls are called on the server's thread, never under a lock; ``retire()`` calls `onWithdrawal`
/// on the caller's.
package final class PolledServer: Sendable {
    /// Makes what a run polls with, on the run's thread. It is given the identity that was last reported.
    package typealias MakePoll = @Sendable (_ last: ServerIdentity?) -> any ServerPoll

    /// Used where the configured interval is none.
    package static let defaultInterval: Duration = .seconds(5)

    private let thread: RepeatingThread
    private let reports: Reports

    /// - Parameters:
    ///   - threadName: Linux shows 15 characters.
    ///   - onReading: receives a reading for each poll that was not cancelled.
    ///   - onWithdrawal: receives an identity that is no longer reported; perhaps more than once.
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
        // Nothing here refers to this object, so that it can go away.
        thread = RepeatingThread(name: threadName, timeSource: timeSource) {
            let poll = reports.makePoll()
            var interval = poll.interval
            if interval <= .zero {
                log.warning("\(poll.name): the interval is not more than 0; 5 seconds are used")
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

    /// Whether the caller is on a thread of this server, as its handlers are.
    package var isCurrentThread: Bool { thread.isCurrentThread }

    /// Polls at once and then at each interval; does nothing if it runs already, or after ``close()`` or ``retire()``.
    ///
    /// - Returns: false if the system has no thread left for it.
    @discardableResult
    package func start() -> Bool { thread.start() }

    /// Cancels the poll that is under way and lets no other begin, without waiting. What was reported stays.
    @discardableResult
    package func requestStop() -> [Cancellation] { thread.requestStop() }

    /// ``RepeatingThread/waitForEnd(of:timeout:)``.
    package func waitForEnd(of runs: [Cancellation], timeout: Duration) -> Bool {
        thread.waitForEnd(of: runs, timeout: timeout)
    }

    /// ``RepeatingThread/stop(timeout:)``. What was reported stays.
    @discardableResult
    package func stop(timeout: Duration) -> Bool { thread.stop(timeout: timeout) }

    /// Like ``requestStop()``, and no start does anything after it.
    package func close() { thread.close() }

    /// Like ``close()``, and takes back what was reported: the last that is heard of any identity is its withdrawal.
    package func retire() {
        close()
        reports.retire()
    }

    /// Polls otherwise from the next start on, under the same ownership of what was reported; ends the run that there is.
    package func replacePoll(_ makePoll: @escaping MakePoll) {
        reports.replace(makePoll)
        requestStop()
    }
}

/// What a server has reported. Several runs may report at a time: one that was told to stop may still be in a handler.
private struct Reports: Sendable {
    private struct State: Sendable {
        var makePoll: PolledServer.MakePoll
        /// The identity that was last handed over.
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
        // The cancellation is looked at under the lock: once a later run has reported, an earlier one can't any more.
        let isWanted = state.withLock { state in
            guard !state.isRetired, !cancellation.isCancelled else { return false }
            former = state.last
            state.last = server
            return true
        }
        guard isWanted else { return }
        if let former, former != server { onWithdrawal(former) }
        onReading(reading)
        // While that was under way, the server may have been retired, or a later run may have reported another identity:
        // then this one has been withdrawn before it was handed over.
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
