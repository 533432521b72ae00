// A value guarded by a mutex: the one lock type of this package.

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
/// A pthread mutex: on Linux it takes a third of the time of `Synchronization.Mutex` in a process with one thread, and
/// about the same with several. Copies of a `Locked` refer to the same value.
///
/// The lock is not recursive: `body` must not use the same `Locked` again.
// `@usableFromInline`, or else the compiler calls `withLock` of other modules as a generic function instead of putting it in
// place: an addition under the lock took 70 ns then and takes 18.
@usableFromInline
package struct Locked<State: Sendable>: Sendable {
    /// The lock without its memory's owner, for those who own a copy of this `Locked` as long as they use it.
    ///
    /// Where the compiler can't follow what is done under the lock, ``withLock(_:)`` pays a retain and a release for the
    /// memory: 13 ns, nearly as much as for the mutex.
    @usableFromInline
    package let unowned: UnownedLock<State>
    @usableFromInline
    let memory: LockedMemory<State>

    package init(_ state: State) {
        memory = LockedMemory(state)
        unowned = memory.lock
    }

    /// Runs `body` with the mutex held and returns what it returns.
    @inlinable
    @inline(__always)
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(memory) {} }
        return try unowned.withLock(body)
    }
}

/// Where a ``Locked`` keeps its mutex and its value.
@usableFromInline
package struct UnownedLock<State: Sendable>: @unchecked Sendable {
    // Sendable: the value is reached only inside `withLock`, by one thread at a time; the pointers never change.
    @usableFromInline
    let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline
    let value: UnsafeMutablePointer<State>

    /// ``Locked/withLock(_:)``.
    @inlinable
    @inline(__always)
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }
}

/// Memory for a mutex and a value, each beginning a cache line of its own.
///
/// In one line, who waits for the mutex takes the value away from who holds it. With two threads, an increment took 1.09 of
/// the time with a bare mutex then and takes 0.80 so, setting a count 1.31 and 1.13 (medians of many runs).
@usableFromInline
final class LockedMemory<State: Sendable>: Sendable {
    let lock: UnownedLock<State>

    private static var cacheLine: Int { 64 }

    init(_ state: State) {
        let alignment = MemoryLayout<State>.alignment
        // A line, or more where the mutex or the alignment is larger.
        let unit = max(Self.cacheLine, alignment)
        let offset = (MemoryLayout<pthread_mutex_t>.size + unit - 1) / unit * unit
        let memory = UnsafeMutableRawPointer.allocate(byteCount: offset + MemoryLayout<State>.size, alignment: unit)
        lock = UnownedLock(
            mutex: memory.initializeMemory(as: pthread_mutex_t.self, to: pthread_mutex_t()),
            value: (memory + offset).initializeMemory(as: State.self, to: state)
        )
        let status = pthread_mutex_init(lock.mutex, nil)
        precondition(status == 0, "pthread_mutex_init failed with \(status)")
    }

    deinit {
        pthread_mutex_destroy(lock.mutex)
        lock.value.deinitialize(count: 1)
        // The mutex is where the memory begins.
        UnsafeMutableRawPointer(lock.mutex).deallocate()
    }
}
