// A clock that stands still until a test moves it.

import GenAISupport

/// A time source whose time passes only by ``advance(by:)``.
package final class ManualTimeSource: TimeSource {
    private struct State {
        var now = ContinuousClock.now
        var nanoseconds: UInt64 = 0
        var unixNanoseconds: UInt64 = 1_700_000_000_000_000_000
        var nextID = 0
        var wakers: [Int: @Sendable () -> Void] = [:]
        var deadlines: [Int: ContinuousClock.Instant] = [:]
    }

    private let state = Monitor(State())

    package init() {}

    package var now: ContinuousClock.Instant { state.read { $0.now } }
    package var unixNanoseconds: UInt64 { state.read { $0.unixNanoseconds } }

    package var monotonicClock: @Sendable () -> UInt64 {
        { [state] in state.read { $0.nanoseconds } }
    }

    /// Sets the date, also backwards.
    package func setUnixNanoseconds(_ value: UInt64) {
        state.mutate { $0.unixNanoseconds = value }
    }

    /// Moves both clocks on and wakes whoever waits for a moment that has now come.
    package func advance(by duration: Duration) {
        let wakers = state.mutate { state in
            state.now += duration
            let (seconds, attoseconds) = duration.components
            let nanoseconds = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
            state.nanoseconds += nanoseconds
            state.unixNanoseconds += nanoseconds
            return Array(state.wakers.values)
        }
        for wake in wakers { wake() }
    }

    /// Waits until `count` threads wait for a moment that is still to come, so that advancing the clock will reach them.
    ///
    /// - Returns: false if that has not happened within a minute of real time.
    package func waitForSleepers(_ count: Int = 1) -> Bool {
        state.wait(until: .now + .seconds(60)) { state in
            state.deadlines.values.count { $0 > state.now } >= count ? true : nil
        } ?? false
    }

    /// The time from now until the earliest moment that a thread waits for.
    package var timeUntilNextDeadline: Duration? {
        state.read { state in state.deadlines.values.min().map { state.now.duration(to: $0) } }
    }

    /// The time from now until each of the moments that threads wait for.
    package var timesUntilDeadlines: Set<Duration> {
        state.read { state in Set(state.deadlines.values.map { state.now.duration(to: $0) }) }
    }

    package func wait<Value, Result>(
        on monitor: Monitor<Value>,
        until deadline: ContinuousClock.Instant?,
        for condition: (inout Value) -> Result?
    ) -> Result? {
        let id = state.mutate { state in
            state.nextID += 1
            state.wakers[state.nextID] = { monitor.mutate { _ in } }
            state.deadlines[state.nextID] = deadline
            return state.nextID
        }
        defer {
            state.mutate { state in
                state.wakers[id] = nil
                state.deadlines[id] = nil
            }
        }
        let outcome: Result?? = monitor.wait(until: nil) { value in
            if let result = condition(&value) { return .some(result) }
            if let deadline, self.now >= deadline { return .some(nil) }
            return nil
        }
        return outcome ?? nil
    }
}
