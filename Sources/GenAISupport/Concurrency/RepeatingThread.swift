// A named background thread that does one thing again and again.

import Foundation

/// Runs a closure on a thread of its own, at a fixed rate, until it is stopped.
///
/// - The rate does not drift: runs are scheduled from the first one, not from the end of the last. Runs that were missed
///   because one took too long are skipped, not made up for.
/// - A thread, not a task: the work blocks, and must neither occupy a thread of Swift's cooperative pool nor wait for one.
/// - The thread is detached: it never keeps the process from exiting.
package final class RepeatingThread: Sendable {
    /// When the first run takes place.
    package enum FirstRun: Sendable { case immediately, afterOneInterval }

    /// The work; the cancellation is raised when the thread shall stop.
    package typealias Body = @Sendable (Cancellation) -> Void

    /// The shortest interval, so that no configuration becomes a busy loop.
    package static let shortestInterval: Duration = .milliseconds(10)

    private let name: String
    private let interval: Duration
    private let firstRun: FirstRun
    private let timeSource: any TimeSource
    private let body: Body
    private let current = Locked<Run?>(nil)

    /// - Parameters:
    ///   - name: shown by debuggers and `top`; Linux cuts it to 15 characters.
    ///   - interval: time from one run's start to the next; at least ``shortestInterval``.
    package init(
        name: String,
        interval: Duration,
        firstRun: FirstRun = .immediately,
        timeSource: any TimeSource = SystemTimeSource(),
        body: @escaping Body
    ) {
        self.name = name
        self.interval = max(interval, Self.shortestInterval)
        self.firstRun = firstRun
        self.timeSource = timeSource
        self.body = body
    }

    /// True from ``start()`` until the thread has ended.
    package var isRunning: Bool { current.withLock { $0 }?.hasEnded == false }

    /// Starts the thread; does nothing if it runs already.
    ///
    /// A thread that was told to stop but is still busy has lost its say: a new one takes its place.
    ///
    /// - Returns: false if the system has no thread left for it; it can be started again later.
    @discardableResult
    package func start() -> Bool {
        let run: Run? = current.withLock { current in
            if let current, !current.isStopping { return nil }
            let run = Run()
            current = run
            return run
        }
        guard let run else { return true }
        let hasStarted = DetachedThread.start { [self] in
            // Whoever has started this thread goes on first: Linux may let a new thread run in its place for milliseconds,
            // which every other `instrument()` took twice as long for.
            sched_yield()
            run.begin()
            nameCurrentThread()
            blockHandledSignals()
            loop(run)
            run.end()
        }
        if !hasStarted { run.end() }
        return hasStarted
    }

    /// Lets one run take place now, beside the schedule.
    package func wake() {
        current.withLock { $0 }?.wake()
    }

    /// Tells the thread to stop, without waiting: its cancellation is raised and no further run begins.
    package func requestStop() {
        current.withLock { $0 }?.stop()
    }

    /// Tells the thread to stop and waits until it has ended.
    ///
    /// - Returns: false if the thread was still busy after `timeout`, or if this is called on the thread itself. Its
    ///   cancellation is raised even so: it ends as soon as its work returns.
    @discardableResult
    package func stop(timeout: Duration) -> Bool {
        guard let run = current.withLock({ $0 }) else { return true }
        run.stop()
        guard !run.isCurrentThread else { return false }
        return run.waitForEnd(until: .now + timeout)
    }

    private func loop(_ run: Run) {
        var next = timeSource.now
        if firstRun == .afterOneInterval { next += interval }
        while true {
            switch run.waitForTurn(until: next, timeSource) {
            case .stop:
                return
            case .wake:
                turn(run)
            case .scheduled:
                turn(run)
                next += interval * missedIntervals(since: next)
            }
        }
    }

    private func turn(_ run: Run) {
        #if canImport(Darwin)
        // A thread that never ends would keep whatever Foundation leaves to the pool.
        autoreleasepool { body(run.cancellation) }
        #else
        body(run.cancellation)
        #endif
    }

    /// How many intervals lie between `scheduled` and the first turn that is still to come; at least 1.
    private func missedIntervals(since scheduled: ContinuousClock.Instant) -> Int {
        let late = scheduled.duration(to: timeSource.now)
        return late < interval ? 1 : Int(min(late / interval, 1e9)) + 1
    }

    /// Through a file on Linux, where the C function is not visible to Swift; not through Foundation, whose first file
    /// takes longer than starting the thread.
    private func nameCurrentThread() {
        #if canImport(Darwin)
        pthread_setname_np(name)
        #else
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        // A thread without its name does its work all the same.
        _ = name.withCString { write(file, $0, strlen($0)) }
        #endif
    }

    /// The host's signal handlers shall run on the host's threads. Faults stay unblocked, or crash reporters, which
    /// handle them on the thread at fault, would see nothing; and so does SIGPROF, by which Swift's runtime
    /// stops threads to report a crash if they block SIGUSR1 and SIGUSR2, which hosts use for themselves.
    private func blockHandledSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF] { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

/// One life of a ``RepeatingThread``, from start to stop.
private final class Run: Sendable {
    enum Turn { case scheduled, wake, stop }

    private struct State {
        var thread: UInt?
        var isStopping = false
        var isWoken = false
        var hasEnded = false
    }

    let cancellation = Cancellation()
    private let state = Monitor(State())

    var isStopping: Bool { state.read { $0.isStopping } }
    var hasEnded: Bool { state.read { $0.hasEnded } }
    var isCurrentThread: Bool { state.read { $0.thread == DetachedThread.idOfCurrent } }

    /// Called on the thread itself.
    func begin() { state.mutate { $0.thread = DetachedThread.idOfCurrent } }
    func wake() { state.mutate { $0.isWoken = true } }

    func stop() {
        state.mutate { $0.isStopping = true }
        cancellation.cancel()
    }

    func end() {
        state.mutate {
            $0.hasEnded = true
            $0.isStopping = true
            $0.thread = nil
        }
    }

    func waitForEnd(until deadline: ContinuousClock.Instant) -> Bool {
        state.wait(until: deadline) { $0.hasEnded ? true : nil } ?? false
    }

    func waitForTurn(until deadline: ContinuousClock.Instant, _ timeSource: any TimeSource) -> Turn {
        let early: Turn? = timeSource.wait(on: state, until: deadline) { state in
            if state.isStopping { return .stop }
            defer { state.isWoken = false }
            return state.isWoken ? .wake : nil
        }
        return early ?? .scheduled
    }
}
