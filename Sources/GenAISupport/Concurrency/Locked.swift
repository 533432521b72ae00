// A value guarded by a mutex.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// A value that is only reachable while its mutex is held.
///
/// The lock for values that are read and changed at once. If a thread has to wait for a change, use ``Monitor``.
///
/// A pthread mutex, because on Linux `Synchronization.Mutex` costs up to three times as much. Copies of a `Locked`
/// share one value. The lock is not recursive: `body` must not use the same `Locked` again.
// `@usableFromInline`, because otherwise other modules call `withLock` as a generic function instead of inlining it.
@usableFromInline
package struct Locked<State: Sendable>: @unchecked Sendable {
    // Sendable: the value is reached only inside `withLock`, by one thread at a time; the pointers never change, and
    // the memory lives as long as any copy of this.
    @usableFromInline
    let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline
    let value: UnsafeMutablePointer<State>
    @usableFromInline
    let memory: LockedMemory<State>

    package init(_ state: State) {
        memory = LockedMemory(state)
        mutex = memory.mutex
        value = memory.value
    }

    /// Runs `body` with the mutex held and returns what it returns.
    @inlinable
    @inline(__always)
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_mutex_unlock(mutex)
            // The body may drop the last reference to it.
            withExtendedLifetime(memory) {}
        }
        return try body(&value.pointee)
    }
}

/// The memory of a ``Locked``.
@usableFromInline
final class LockedMemory<State: Sendable> {
    let mutex: UnsafeMutablePointer<pthread_mutex_t>
    let value: UnsafeMutablePointer<State>

    init(_ state: State) {
        // Mutex and value have separate cache lines: a spinning waiter would keep stealing the holder's line.
        let unit = max(64, MemoryLayout<State>.alignment)
        let offset = (MemoryLayout<pthread_mutex_t>.size + unit - 1) / unit * unit
        // Even an empty value gets memory: otherwise Thread Sanitizer would confuse its address with the next block's.
        let size = max(1, MemoryLayout<State>.size)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: offset + size, alignment: unit)
        mutex = memory.initializeMemory(as: pthread_mutex_t.self, to: pthread_mutex_t())
        value = (memory + offset).initializeMemory(as: State.self, to: state)
        let status = pthread_mutex_init(mutex, nil)
        precondition(status == 0, "pthread_mutex_init failed with \(status)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        value.deinitialize(count: 1)
        // The mutex is where the memory begins.
        UnsafeMutableRawPointer(mutex).deallocate()
    }
}
