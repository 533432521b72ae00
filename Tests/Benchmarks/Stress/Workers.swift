// Several threads at once, and someone who watches whether they come to an end.

import Foundation
import GenAISupport

/// Work for some threads, each of which says what it does.
final class Workers: Sendable {
    /// The threads did not come to their end.
    struct Stuck: Error, CustomStringConvertible {
        let doing: [String]
        var description: String { "deadlock:\n" + doing.map { "  \($0)" }.joined(separator: "\n") }
    }

    private struct State: Sendable {
        var doing: [String]
        var busy: Int
    }

    /// Much longer than all timeouts of a round together, on a busy machine and under a sanitizer too.
    private static let limit: Duration = .seconds(120)

    private let state: Monitor<State>

    private init(_ count: Int) {
        state = Monitor(State(doing: Array(repeating: "not begun", count: count), busy: count))
    }

    /// Runs `work` on `count` threads and waits for all of them.
    ///
    /// - Parameter work: is given its thread's number, and what it announces its steps with.
    static func run(
        _ count: Int,
        _ work: @escaping @Sendable (_ number: Int, _ announce: (String) -> Void) -> Void
    ) throws {
        let workers = Workers(count)
        for number in 0..<count {
            let hasStarted = DetachedThread.start {
                work(number) { step in workers.state.mutate { $0.doing[number] = step } }
                workers.state.mutate { state in
                    state.doing[number] = "at its end"
                    state.busy -= 1
                }
            }
            guard hasStarted else { throw Stuck(doing: ["the system starts no more threads"]) }
        }
        let hasEnded: Bool? = workers.state.wait(until: .now + limit) { $0.busy == 0 ? true : nil }
        if hasEnded != true { throw Stuck(doing: workers.state.read { $0.doing }) }
    }
}
