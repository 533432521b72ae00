// A reference that is read often and hardly ever replaced.

import Foundation
import Synchronization

/// A strong reference behind the cheapest lock there is, which is held for as long as it takes to copy the reference.
///
/// A spin lock is released with a plain store. A mutex needs a second locked instruction, to look for waiting threads, which
/// `getServerMetrics()?.incrementRequestsRunning()` would feel.
struct PublishedReference<Object: AnyObject & Sendable>: ~Copyable, @unchecked Sendable {
    // Sendable: `Unmanaged` is not only because it may point to anything; here it points to a Sendable object that is
    // retained while it is published, and it is read and replaced only under the lock.
    private let isLocked = Atomic(false)
    private let reference = Atomic<Unmanaged<Object>?>(nil)

    /// The object; nil if there is none.
    var object: Object? {
        lock()
        defer { unlock() }
        // Retained before the lock is released: until then nobody can replace and release the object.
        return reference.load(ordering: .relaxed)?.takeUnretainedValue()
    }

    /// Replaces the object.
    func store(_ new: Object?) {
        let new = new.map(Unmanaged.passRetained)
        lock()
        let old = reference.exchange(new, ordering: .relaxed)
        unlock()
        // Not under the lock: this may deallocate the object, which takes time.
        old?.release()
    }

    private func lock() {
        while isLocked.exchange(true, ordering: .acquiring) { waitForUnlock() }
    }

    private func unlock() { isLocked.store(false, ordering: .releasing) }

    /// The holder releases the lock at once, unless the system has interrupted its thread. That thread then needs a processor,
    /// so this one spins only briefly and then sleeps.
    @inline(never)
    private func waitForUnlock() {
        for _ in 0..<100 where !isLocked.load(ordering: .relaxed) { return }
        Thread.sleep(forTimeInterval: 20e-6)
    }
}
