// Measures several things in turn, so that a noisy machine hits them alike.

import Foundation

/// Something to measure.
struct Subject {
    var name: String
    var goals: [Goal] = []
    /// How many threads share the calls; what is measured with several is the time that passes.
    var threads = 1
    /// The calls of one round, if they are not those of the comparison.
    var calls: Int?
    /// Does it as many times as it is told: the loop is part of it, as in an application, and so costs no indirect call.
    var body: @Sendable (Int) -> Void

    init(
        _ name: String,
        goals: [Goal] = [],
        threads: Int = 1,
        calls: Int? = nil,
        body: @escaping @Sendable (Int) -> Void
    ) {
        (self.name, self.goals, self.threads, self.calls, self.body) = (name, goals, threads, calls, body)
    }
}

/// Measures its subjects in turn, round after round; the first one is the baseline of the others.
struct Comparison {
    var title: String
    var unit = Row.Unit.nanoseconds
    var rounds = 21
    var calls = 100_000
    var subjects: [Subject]

    func run() -> Table {
        var samples = subjects.map { _ in Samples() }
        // The first round warms caches and is not counted.
        for round in 0...rounds {
            for (index, subject) in subjects.enumerated() {
                let cost = cost(of: subject)
                if round > 0 { samples[index].values.append(cost) }
            }
        }
        let rows = zip(subjects, samples).map { subject, costs in
            Row(
                subject.name,
                unit,
                costs,
                baseline: samples[0],
                allocations: allocations(of: subject),
                goals: subject.goals
            )
        }
        return Table(title: title, rows: rows)
    }

    /// Of one call, in the comparison's unit.
    private func cost(of subject: Subject) -> Double {
        let calls = subject.calls ?? calls
        let time =
            subject.threads == 1
            ? Stopwatch.processorTime { subject.body(calls) }
            : Stopwatch.elapsedTime { onThreads(subject.threads) { subject.body(calls / subject.threads) } }
        return time / Double(calls) / unit.nanoseconds
    }

    /// By one call; nil with several threads, because each counts its own.
    private func allocations(of subject: Subject) -> Double? {
        guard subject.threads == 1 else { return nil }
        let calls = subject.calls ?? min(calls, 1_000)
        return AllocationCounter.count { subject.body(calls) }.map { Double($0) / Double(calls) }
    }
}

/// Runs `body` on several threads at once and waits for all.
func onThreads(_ number: Int, _ body: @escaping @Sendable () -> Void) {
    let group = DispatchGroup()
    for _ in 0..<number {
        group.enter()
        Thread.detachNewThread {
            body()
            group.leave()
        }
    }
    group.wait()
}
