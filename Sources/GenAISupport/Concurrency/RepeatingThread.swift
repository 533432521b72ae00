// A named background thread that does one thing again and again.

import Foundation

/// Runs work on its own thread at a fixed rate until it is stopped.
///
/// - The rate does not drift: turns are scheduled from the first turn, not from the end of the last one. Turns that
///   were missed because one took too long are skipped.
/// - It is a thread and not a task because the work blocks: it must not occupy a thread of Swift's cooperative pool.
/// - The thread is detached: it never keeps the process from exiting.
/// - Each start begins a *run* with its own thread. A run that was told to stop counts as running until its work has
///   returned; a new start does not wait for it.
///
/// Thread-safe: any order of calls from any threads.
package final class RepeatingThread: Sendable {
    /// When the first turn takes place.
    package enum FirstRun: Sendable { case immediately, afterOneInterval }

    /// The work of one turn. The cancellation is raised when the thread is to stop.
    package typealias Body = @Sendable (Cancellation) -> Void

    /// The work and the state of one run. It is made, used and released on the run's own thread, so it needs no lock.
    package struct Work {
        /// Time from one turn's start to the next; held between ``RepeatingThread/shortestInterval`` and a year.
        var interval: Duration
        var turn: (Cancellation) -> Void
        /// Called once, after the last turn.
        var end: () -> Void

        package init(interval: Duration, turn: @escaping (Cancellation) -> Void, end: @escaping () -> Void = {}) {
            self.interval = interval
            self.turn = turn
            self.end = end
        }
    }

    private struct Run: Sendable {
        /// Raised when the run is told to stop. Also identifies the run.
        let cancellation: Cancellation
        var thread: UInt?
        var isWoken = false
    }

    private struct State: Sendable {
        /// All runs that have not ended, the newest last. All but the newest have been told to stop.
        var runs: [Run] = []
        var isClosed = false

        func index(of run: Cancellation) -> Int? { runs.firstIndex { $0.cancellation === run } }
    }

    private enum Turn { case scheduled, wake, stop }

    /// The shortest interval, so that no configuration becomes a busy loop.
    package static let shortestInterval: Duration = .milliseconds(10)

    private let name: String
    private let firstRun: FirstRun
    private let timeSource: any TimeSource
    private let begin: @Sendable () -> Work
    private let state = Monitor(State())

    /// - Parameters:
    ///   - name: shown by debuggers and `top`; Linux cuts it to 15 characters.
    ///   - begin: makes the work of a run; called on the run's thread.
    package init(
        name: String,
        firstRun: FirstRun = .immediately,
        timeSource: any TimeSource = SystemTimeSource(),
        begin: @escaping @Sendable () -> Work
    ) {
        self.name = name
        self.firstRun = firstRun
        self.timeSource = timeSource
        self.begin = begin
    }

    /// The same for work without state of its own.
    package convenience init(
        name: String,
        interval: Duration,
        firstRun: FirstRun = .immediately,
        timeSource: any TimeSource = SystemTimeSource(),
        body: @escaping Body
    ) {
        self.init(name: name, firstRun: firstRun, timeSource: timeSource) { Work(interval: interval, turn: body) }
    }

    /// True from ``start()`` until every run has ended.
    package var isRunning: Bool { state.read { !$0.runs.isEmpty } }

    /// Whether the caller is on a thread of a run.
    package var isCurrentThread: Bool {
        let current = DetachedThread.idOfCurrent
        return state.read { $0.runs.contains { $0.thread == current } }
    }

    /// Begins a run, even while an earlier one that was told to stop is still busy. Does nothing while another run goes
    /// on, or after ``close()``.
    ///
    /// - Returns: false if the system has no thread left; a later call may succeed.
    @discardableResult
    package func start() -> Bool {
        let run = Cancellation()
        let isNew = state.mutate { state in
            guard !state.isClosed, state.runs.allSatisfy(\.cancellation.isCancelled) else { return false }
            state.runs.append(Run(cancellation: run))
            return true
        }
        guard isNew else { return true }
        let hasStarted = DetachedThread.start { [self] in
            // Let the starting thread go on first. Linux may run a new thread in its place for milliseconds, which
            // would slow down `instrument()`.
            sched_yield()
            DetachedThread.nameCurrent(name)
            DetachedThread.blockHandledSignals()
            takeTurns(run)
            forget(run)
        }
        if !hasStarted { forget(run) }
        return hasStarted
    }

    /// Runs one extra turn now; the schedule stays as it is.
    package func wake() {
        state.mutate { state in
            if let newest = state.runs.indices.last { state.runs[newest].isWoken = true }
        }
    }

    /// Tells every run to stop, without waiting: its cancellation is raised and no further turn begins.
    ///
    /// - Returns: the runs that have not ended, for ``waitForEnd(of:timeout:)``.
    @discardableResult
    package func requestStop() -> [Cancellation] {
        let runs = state.read { $0.runs.map(\.cancellation) }
        for run in runs { run.cancel() }
        // Wakes the runs that are waiting for their next turn.
        state.mutate { _ in }
        return runs
    }

    /// Waits until these runs have ended. Runs that were started since do not matter.
    ///
    /// - Returns: false if one was still busy after `timeout`, or if this is called on a thread of a run.
    package func waitForEnd(of runs: [Cancellation], timeout: Duration) -> Bool {
        guard !isCurrentThread else { return false }
        return state.wait(until: .now + timeout.withinAYear) { state in
            runs.contains { state.index(of: $0) != nil } ? nil : true
        } ?? false
    }

    /// Tells every run to stop and waits until all have ended.
    ///
    /// - Returns: false if one was still busy after `timeout`, or if this is called on one of their threads. Even then
    ///   they have been cancelled and end as soon as their work returns.
    @discardableResult
    package func stop(timeout: Duration) -> Bool { waitForEnd(of: requestStop(), timeout: timeout) }

    /// Tells every run to stop, without waiting. No run can be started afterwards.
    package func close() {
        state.mutate { $0.isClosed = true }
        requestStop()
    }

    private func forget(_ run: Cancellation) {
        state.mutate { state in
            if let index = state.index(of: run) { state.runs.remove(at: index) }
        }
    }

    private func takeTurns(_ run: Cancellation) {
        state.mutate { state in
            if let index = state.index(of: run) { state.runs[index].thread = DetachedThread.idOfCurrent }
        }
        guard !run.isCancelled else { return }
        let work = begin()
        defer { work.end() }
        let interval = min(max(work.interval, Self.shortestInterval), .year)
        var next = timeSource.now
        if firstRun == .afterOneInterval { next += interval }
        while true {
            switch waitForTurn(run, until: next) {
            case .stop:
                return
            case .wake:
                turn(work, run)
            case .scheduled:
                turn(work, run)
                next += interval * missedIntervals(of: interval, since: next)
            }
        }
    }

    private func waitForTurn(_ run: Cancellation, until deadline: ContinuousClock.Instant) -> Turn {
        let early: Turn? = timeSource.wait(on: state, until: deadline) { state in
            if run.isCancelled { return .stop }
            guard let index = state.index(of: run), state.runs[index].isWoken else { return nil }
            state.runs[index].isWoken = false
            return .wake
        }
        return early ?? .scheduled
    }

    private func turn(_ work: Work, _ run: Cancellation) {
        #if canImport(Darwin)
        // Without this, a thread that never ends would never release what Foundation autoreleases.
        autoreleasepool { work.turn(run) }
        #else
        work.turn(run)
        #endif
    }

    /// The number of intervals from `scheduled` to the next turn that is not in the past; at least 1.
    private func missedIntervals(of interval: Duration, since scheduled: ContinuousClock.Instant) -> Int {
        let late = scheduled.duration(to: timeSource.now)
        return late < interval ? 1 : Int(min(late / interval, 1e9)) + 1
    }
}
