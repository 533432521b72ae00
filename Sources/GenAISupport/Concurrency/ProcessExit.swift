// Runs an action when the process ends.

import Foundation

/// An action that runs when the process exits normally: `main` returns, or `exit` is called.
package enum ProcessExit {
    private struct Action {
        var process: pid_t
        var run: @Sendable () -> Void
    }

    private static let action = Locked<Action?>(nil)

    /// Sets the action. It runs on the thread that ends the process. If several threads call `exit`, it runs on several
    /// of them at once; it can run more than once.
    package static func perform(_ newAction: @escaping @Sendable () -> Void) {
        action.withLock { $0 = Action(process: getpid(), run: newAction) }
        for _ in 0..<registrations { register() }
    }

    /// Before glibc 2.41, a second thread that calls `exit` takes the next handler while the first thread is still in
    /// this one, and can end the process early. So the handler is there several times: each of these threads finds one.
    private static let registrations = 4

    private static func register() {
        atexit {
            // A forked child inherits the handler, but not the threads that the handler would wait for.
            guard let action = ProcessExit.action.withLock({ $0 }), action.process == getpid() else { return }
            action.run()
        }
    }
}
