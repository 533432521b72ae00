// Where time comes from, so that tests can drive it.

import Foundation

/// The clocks that this package reads, and waiting by one of them.
///
/// Production code uses ``SystemTimeSource``. Tests use a manual one, so they never wait in real time.
package protocol TimeSource: Sendable {
    /// Never goes back; for intervals, deadlines and durations.
    var now: ContinuousClock.Instant { get }

    /// Nanoseconds of a clock that never goes back, since an arbitrary moment: a cheaper ``now`` for frequent readings.
    var monotonicClock: @Sendable () -> UInt64 { get }

    /// Nanoseconds since 1970-01-01 UTC. Goes back when somebody sets the date back.
    var unixNanoseconds: UInt64 { get }

    /// Like ``Monitor/wait(until:for:)``, with the deadline measured on this time source.
    func wait<State, Result>(
        on monitor: Monitor<State>,
        until deadline: ContinuousClock.Instant?,
        for condition: (inout State) -> Result?
    ) -> Result?
}

/// The machine's own clocks.
package struct SystemTimeSource: TimeSource {
    package init() {}

    package var now: ContinuousClock.Instant { .now }

    /// The clock behind `ContinuousClock`, without the 128-bit arithmetic of its instants.
    package var monotonicClock: @Sendable () -> UInt64 {
        {
            #if canImport(Darwin)
            return clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW)
            #else
            var time = timespec()
            clock_gettime(CLOCK_BOOTTIME, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
            #endif
        }
    }

    package var unixNanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        guard time.tv_sec >= 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    package func wait<State, Result>(
        on monitor: Monitor<State>,
        until deadline: ContinuousClock.Instant?,
        for condition: (inout State) -> Result?
    ) -> Result? {
        monitor.wait(until: deadline, for: condition)
    }
}
