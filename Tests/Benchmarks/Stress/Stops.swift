// What a stop that returned true has promised, and whether it is kept.

import GenAISupport

/// Follows the starts and stops of one poller from all threads, and notes what it does while it must be still.
///
/// It must be still from a stop that returned true, with no start beside or after it, to the next start. A start is noted before
/// it is made, and a stop's result after it was given, both under one lock: so nothing is ever noted that was allowed.
final class Stops: Sendable {
    private struct State: Sendable {
        var starts = 0
        var startsUnderWay = 0
        var isStill = false
        var isOver = false
        var signs = 0
    }

    private let name: String
    private let faults: Faults
    private let state = Locked(State())

    init(_ name: String, _ faults: Faults) {
        (self.name, self.faults) = (name, faults)
    }

    /// How often it has shown that it lives.
    var signs: Int { state.withLock { $0.signs } }

    func start(_ start: () -> Void) {
        state.withLock { state in
            state.starts += 1
            state.startsUnderWay += 1
            if !state.isOver { state.isStill = false }
        }
        start()
        state.withLock { $0.startsUnderWay -= 1 }
    }

    /// - Parameter isRunning: what the poller says of itself.
    @discardableResult
    func stop(_ stop: () -> Bool, isRunning: () -> Bool) -> Bool {
        // Nil if a start is under way, which may count as the later one.
        let before = state.withLock { $0.startsUnderWay == 0 ? $0.starts : nil }
        guard stop() else { return false }
        let isRunning = isRunning()
        let isWrong = state.withLock { state in
            guard state.starts == before else { return false }
            state.isStill = true
            return isRunning
        }
        if isWrong { faults.note("\(name): runs after a stop that returned true") }
        return true
    }

    /// The last stop: no start does anything any more.
    func end(_ stop: () -> Bool, isRunning: () -> Bool) {
        guard stop() else { return faults.note("\(name): did not come to an end") }
        if isRunning() { faults.note("\(name): runs after its end") }
        state.withLock { state in
            state.isOver = true
            state.isStill = true
        }
    }

    /// It lives: a reading has come, or a source was asked for something on its thread.
    func sign(_ what: String) {
        let isWrong = state.withLock { state in
            state.signs += 1
            return state.isStill
        }
        if isWrong { faults.note("\(name): \(what) after a stop that returned true") }
    }
}

/// What went wrong, each kind counted.
final class Faults: Sendable {
    private let counts = Locked<[String: Int]>([:])

    func note(_ fault: String) { counts.withLock { $0[fault, default: 0] += 1 } }

    /// One line for each kind.
    var lines: [String] { counts.withLock { $0 }.map { "\($0.key) (\($0.value) times)" }.sorted() }
}
