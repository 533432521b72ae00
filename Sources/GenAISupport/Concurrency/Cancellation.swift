// How one thread tells another to give up its work.

/// A flag that is raised once, and the actions that run at that moment.
package final class Cancellation: Sendable {
    package typealias Action = @Sendable () -> Void

    private struct State {
        var isCancelled = false
        var nextID = 0
        var actions: [Int: Action] = [:]
        var isRunningActions = false
    }

    private let state = Monitor(State())

    package init() {}

    /// True after the first call of ``cancel()``.
    package var isCancelled: Bool { state.read { $0.isCancelled } }

    /// Raises the flag and runs the registered actions on the calling thread. Further calls do nothing.
    package func cancel() {
        let actions = state.mutate { state -> [Int: Action] in
            guard !state.isCancelled else { return [:] }
            state.isCancelled = true
            state.isRunningActions = !state.actions.isEmpty
            return state.actions
        }
        for action in actions.values { action() }
        if !actions.isEmpty { state.mutate { $0.isRunningActions = false } }
    }

    /// Runs `body`. If the flag is raised before or meanwhile, `action` runs once, on this or the cancelling thread.
    ///
    /// This returns only after the action has returned. The action must be quick and must not wait for this call.
    package func withAction<Result>(_ action: @escaping Action, during body: () throws -> Result) rethrows -> Result {
        let id: Int? = state.mutate { state in
            guard !state.isCancelled else { return nil }
            state.nextID += 1
            state.actions[state.nextID] = action
            return state.nextID
        }
        guard let id else {
            action()
            return try body()
        }
        defer {
            _ = state.wait(until: nil) { state -> Void? in
                guard !state.isRunningActions else { return nil }
                state.actions[id] = nil
                return ()
            }
        }
        return try body()
    }
}
