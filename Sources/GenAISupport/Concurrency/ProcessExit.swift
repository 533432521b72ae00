// What is to happen once more when the process ends.

import Foundation

/// An action that runs when the process exits normally: `main` returns, or `exit` is called.
package enum ProcessExit {
    private struct Action {
        var process: pid_t
        var run: @Sendable () -> Void
    }

    private static let action = Locked<Action?>(nil)

    /// Sets the action. It runs on whichever thread ends the process; on several at once if they all do, and several times.
    package static func perform(_ newAction: @escaping @Sendable () -> Void) {
        action.withLock { $0 = Action(process: getpid(), run: newAction) }
        for _ in 0..<registrations { register() }
    }

    /// glibc before 2.41 lets a second thread that calls `exit` go on with the handlers that are left, and end the process,
    /// while the first is still in this one. So there is one for a second thread too, and for some more.
    private static let registrations = 4

    private static func register() {
        atexit {
            // A child that was forked has the handler, but none of the threads that it would wait for.
            guard let action = ProcessExit.action.withLock({ $0 }), action.process == getpid() else { return }
            action.run()
        }
    }
}
