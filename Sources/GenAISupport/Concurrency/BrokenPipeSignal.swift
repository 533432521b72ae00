// Writing to something that nobody reads any more: an error to the writer, but a signal to the process.

import Foundation

/// `SIGPIPE`, whose default action ends the process.
package enum BrokenPipeSignal {
    /// Runs `body` with the signal kept from this thread, for code that writes to connections, pipes and terminals.
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
                // One that was raised meanwhile must not be there any more when the signal is let in again.
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
