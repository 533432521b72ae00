// What is to happen once more when the process ends.

import Foundation

/// An action that runs when the process exits normally: `main` returns, or `exit` is called.
package enum ProcessExit {
    private struct Action {
        var process: pid_t
        var run: @Sendable () -> Void
    }

    private static let action = Locked<Action?>(nil)

    /// Sets the action. It may run on whichever thread ends the process.
    package static func perform(_ newAction: @escaping @Sendable () -> Void) {
        action.withLock { $0 = Action(process: getpid(), run: newAction) }
        atexit {
            // A child that was forked has the handler, but none of the threads that it would wait for.
            guard let action = ProcessExit.action.withLock({ $0 }), action.process == getpid() else { return }
            action.run()
        }
    }
}
