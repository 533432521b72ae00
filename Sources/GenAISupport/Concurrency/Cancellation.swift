// How one thread tells another that what it does is no longer wanted.

/// A flag that goes up once, and the actions to run when it does.
package final class Cancellation: Sendable {
    package typealias Action = @Sendable () -> Void

    private struct State {
        var isCancelled = false
        var nextID = 0
        var actions: [Int: Action] = [:]
    }

    private let state = Locked(State())

    package init() {}

    /// True from the first call of ``cancel()`` on.
    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Raises the flag and runs the registered actions on the calling thread. Further calls do nothing.
    package func cancel() {
        let actions = state.withLock { state in
            state.isCancelled = true
            defer { state.actions = [:] }
            return state.actions
        }
        for action in actions.values { action() }
    }

    /// Runs `body`; if the flag is up or goes up meanwhile, `action` runs, once, on whichever thread noticed it.
    package func withAction<Result>(_ action: @escaping Action, during body: () throws -> Result) rethrows -> Result {
        let id: Int? = state.withLock { state in
            guard !state.isCancelled else { return nil }
            state.nextID += 1
            state.actions[state.nextID] = action
            return state.nextID
        }
        guard let id else {
            action()
            return try body()
        }
        defer { state.withLock { $0.actions[id] = nil } }
        return try body()
    }
}
