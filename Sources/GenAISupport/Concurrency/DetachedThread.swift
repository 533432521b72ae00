// Threads whose start can fail without ending the process: Foundation's `Thread` does not report a failed start.

import Foundation

/// A thread that runs a closure once. Nobody waits for it.
package enum DetachedThread {
    /// Bytes of stack, the same on every system. The default of musl is 128 KiB, too little for a TLS handshake or a
    /// deeply nested answer; the default of glibc is 8 MiB. Threads of macOS have 512 KiB too.
    static let stackSize = 512 * 1024

    private final class Work: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts the thread.
    ///
    /// - Returns: false if the system has no memory or no thread left; `body` does not run then.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        guard create(work) else {
            Unmanaged<Work>.fromOpaque(work).release()
            return false
        }
        return true
    }

    /// Runs blocking work on its own thread, because Swift's cooperative pool has few. If no thread can be started, the work
    /// runs on the calling one.
    package static func value<Result: Sendable>(of work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            let hasStarted = start { continuation.resume(returning: work()) }
            if !hasStarted { continuation.resume(returning: work()) }
        }
    }

    /// Identifies the calling thread among all threads that are running.
    static var idOfCurrent: UInt {
        #if canImport(Glibc)
        UInt(pthread_self())
        #else
        UInt(bitPattern: pthread_self())
        #endif
    }

    /// Names the calling thread, for debuggers and `top`; Linux cuts the name to 15 characters.
    ///
    /// On Linux it writes to a file, because Swift does not see the C function. Foundation is too slow for that: its
    /// first file access takes longer than starting the thread.
    package static func nameCurrent(_ name: String) {
        #if canImport(Darwin)
        pthread_setname_np(name)
        #else
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        // A failure is ignored: the thread works without a name.
        _ = name.withCString { write(file, $0, strlen($0)) }
        #endif
    }

    /// Blocks signals on the calling thread, so that the host's signal handlers run on the host's own threads.
    ///
    /// Two kinds stay unblocked. Faults, because crash reporters handle them on the faulting thread. And SIGPROF, by
    /// which Swift's runtime stops threads for a crash report when they block SIGUSR1 and SIGUSR2, as these do.
    package static func blockHandledSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF] { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
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
