// A thread that tells whether it could be started, which Foundation's does not.

import Foundation

/// A thread that runs a closure once. Nobody waits for it.
package enum DetachedThread {
    /// Bytes of stack, the same everywhere: left to themselves, musl gives 128 KiB, which a TLS handshake or a nested answer
    /// may use up, and glibc sets aside 8 MiB. Threads of macOS have as much as this.
    static let stackSize = 512 * 1024

    private final class Work: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts the thread.
    ///
    /// - Returns: false if the system has no memory or no thread left for it; `body` is not run then.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        guard create(work) else {
            Unmanaged<Work>.fromOpaque(work).release()
            return false
        }
        return true
    }

    /// What tells the calling thread from all others that run now.
    static var idOfCurrent: UInt {
        #if canImport(Glibc)
        UInt(pthread_self())
        #else
        UInt(bitPattern: pthread_self())
        #endif
    }

    /// Names the calling thread, for debuggers and `top`; Linux cuts the name to 15 characters.
    ///
    /// Through a file on Linux, where the C function is not visible to Swift; not through Foundation, whose first file
    /// takes longer than starting the thread.
    static func nameCurrent(_ name: String) {
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

    private static func create(_ work: UnsafeMutableRawPointer) -> Bool {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return false }
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackSize)
        #if canImport(Glibc) || canImport(Android)
        var thread = pthread_t()
        #else
        var thread: pthread_t?
        #endif
        return pthread_create(&thread, &attributes, { DetachedThread.run($0) }, work) == 0
    }

    private static func run(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let work else { return nil }
        Unmanaged<Work>.fromOpaque(work).takeRetainedValue().run()
        return nil
    }
}
