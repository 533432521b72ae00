// A guarded value that threads can wait for: the one place where a thread of this package sleeps.

import Foundation

/// A value guarded by a mutex and a condition variable: threads can wait until the value meets a condition.
///
/// The lock for values that some thread waits for. Where nobody waits, ``Locked`` is cheaper.
///
/// Waits use a clock that changes of the date do not affect. ``mutate(_:)`` wakes the waiting threads.
package final class Monitor<State: Sendable>: @unchecked Sendable {
    // Sendable: `state` is touched only between `lock` and `unlock` of `mutex`; the two pointers never change and live
    // exactly as long as the object.
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(_ state: State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        let status = pthread_mutex_init(mutex, nil) | Self.initialize(condition)
        precondition(status == 0, "the system has no memory left for a condition variable")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Reads the value under the lock, without waking anybody.
    package func read<Result>(_ body: (State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(state)
    }

    /// Changes the value under the lock and wakes every waiter to check its condition again.
    package func mutate<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Blocks until `condition` returns something other than nil, and returns that; nil once `deadline` has passed.
    ///
    /// The condition is checked before the deadline, so a result that is already there is returned even after the
    /// deadline. It runs under the lock and must not use this monitor.
    package func wait<Result>(
        until deadline: ContinuousClock.Instant?,
        for condition: (inout State) -> Result?
    ) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = condition(&state) { return result }
            guard let deadline else {
                pthread_cond_wait(self.condition, mutex)
                continue
            }
            let remaining = ContinuousClock.now.duration(to: deadline)
            guard remaining > .zero else { return nil }
            waitOnce(atMost: min(remaining, Self.longestWait))
        }
    }

    /// Long waits are split into waits of this length. The condition variable's clock stops while the machine is
    /// suspended and `ContinuousClock` does not, so the remaining time has to be computed again now and then.
    private static var longestWait: Duration { .seconds(60) }
}

// MARK: - What differs by platform

extension Monitor {
    #if canImport(Darwin)
    private static func initialize(_ condition: UnsafeMutablePointer<pthread_cond_t>) -> Int32 {
        pthread_cond_init(condition, nil)
    }

    private func waitOnce(atMost duration: Duration) {
        var relative = timespec(duration)
        pthread_cond_timedwait_relative_np(condition, mutex, &relative)
    }
    #else
    private static func initialize(_ condition: UnsafeMutablePointer<pthread_cond_t>) -> Int32 {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        defer { pthread_condattr_destroy(&attributes) }
        // The default is the wall clock: a change of the date would lengthen or shorten every wait.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        return pthread_cond_init(condition, &attributes)
    }

    private func waitOnce(atMost duration: Duration) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        var until = timespec(duration)
        until.tv_sec += now.tv_sec
        until.tv_nsec += now.tv_nsec
        if until.tv_nsec >= 1_000_000_000 {
            until.tv_sec += 1
            until.tv_nsec -= 1_000_000_000
        }
        pthread_cond_timedwait(condition, mutex, &until)
    }
    #endif
}

extension timespec {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init()
        tv_sec = numericCast(seconds)
        tv_nsec = numericCast(attoseconds / 1_000_000_000)
    }
}
