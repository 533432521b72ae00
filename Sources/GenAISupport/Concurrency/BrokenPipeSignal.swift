// Keeps a write to a closed pipe or connection from ending the process.

import Foundation

/// `SIGPIPE`, whose default action ends the process.
package enum BrokenPipeSignal {
    /// Runs `body` with the signal blocked on this thread, so that a failed write is only an error to the caller.
    ///
    /// For code that writes to connections, pipes and terminals.
    package static func ignored<Result>(_ body: () throws -> Result) rethrows -> Result {
        var pipe = sigset_t()
        var before = sigset_t()
        var pending = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        sigpending(&pending)
        pthread_sigmask(SIG_BLOCK, &pipe, &before)
        defer {
            if sigismember(&before, SIGPIPE) == 0 {
                // A signal that was raised meanwhile must be gone before the signal is unblocked.
                if sigismember(&pending, SIGPIPE) == 0 { takePending(pipe) }
                pthread_sigmask(SIG_SETMASK, &before, nil)
            }
        }
        return try body()
    }

    private static func takePending(_ pipe: sigset_t) {
        var pipe = pipe
        #if canImport(Darwin)
        var pending = sigset_t()
        sigpending(&pending)
        var signal: Int32 = 0
        if sigismember(&pending, SIGPIPE) == 1 { sigwait(&pipe, &signal) }
        #else
        var noTime = timespec()
        sigtimedwait(&pipe, nil, &noTime)
        #endif
    }
}
