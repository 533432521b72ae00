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
/// A pthread mutex, because `Synchronization.Mutex` costs about two and a half times as much on Linux when nobody else
/// holds it, and the collector's hot path is one uncontended lock. The value and the mutex share one heap allocation;
/// copies of a `Locked` refer to the same value.
///
/// The lock is not recursive: `body` must not use the same `Locked` again.
package struct Locked<State: Sendable>: @unchecked Sendable {
    // Sendable: the value is reached only inside `withLock`, by one thread at a time.
    @usableFromInline
    let storage: LockedStorage<State>

    package init(_ state: State) {
        storage = LockedStorage<State>.make(state)
    }

    /// Runs `body` with the mutex held and returns what it returns.
    @inlinable
    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        try storage.withUnsafeMutablePointers { state, mutex in
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&state.pointee)
        }
    }
}

@usableFromInline
final class LockedStorage<State: Sendable>: ManagedBuffer<State, pthread_mutex_t> {
    static func make(_ state: State) -> LockedStorage {
        let buffer = LockedStorage.create(minimumCapacity: 1) { _ in state }
        buffer.withUnsafeMutablePointerToElements { mutex in
            mutex.initialize(to: pthread_mutex_t())
            let status = pthread_mutex_init(mutex, nil)
            precondition(status == 0, "pthread_mutex_init failed with \(status)")
        }
        // `create` is typed as the superclass but makes an instance of the class that it is called on.
        return unsafeDowncast(buffer, to: LockedStorage.self)
    }

    deinit {
        withUnsafeMutablePointerToElements { mutex in
            pthread_mutex_destroy(mutex)
            mutex.deinitialize(count: 1)
        }
    }
}
