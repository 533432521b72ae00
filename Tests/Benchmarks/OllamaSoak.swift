// Thousands of polls of an Ollama that is hardly ever well: does anything pile up?

import Foundation
import OllamaPoller
import TestSupport

/// Polls a server that hangs, resets, drips, answers and closes in turn, and after every eighty polls one where nobody
/// listens, twenty times; prints what the process holds before, meanwhile and after.
struct OllamaSoak {
    var rounds = 50
    /// How long a poll may take; with the poller's own two seconds this would run for an hour.
    var timeLimit: Duration = .milliseconds(20)

    private static let answers: [LoopbackAnswer] = [
        .hang, .reset, .drip(interval: .milliseconds(5)), .json(#"{"models":[{"name":"a","size_vram":1}]}"#), .close,
    ]

    private struct Count {
        var polls = 0
        var up = 0
    }

    private struct Stuck: Error {}

    func run() throws {
        print("| moment | polls | found up | threads | descriptors | child processes | RSS (KiB) |")
        print("|---|---|---|---|---|---|---|")
        var total = Count()
        report("before the first", total)
        for round in 1...rounds {
            let turns = Locked(0)
            let server = try LoopbackServer { _ in
                turns.withLock { turns in
                    turns += 1
                    return Self.answers[turns % Self.answers.count]
                }
            }
            try poll(server.url, 80, &total)
            server.stop()
            try poll(server.url, 20, &total)
            if [1, 10, 25, rounds].contains(round) { report("poller stopped", total) }
        }
    }

    /// Starts a poller and stops it after `number` polls.
    private func poll(_ url: String, _ number: Int, _ total: inout Count) throws {
        let count = Monitor(Count())
        let configuration = OllamaConfiguration(
            environment: ["OLLAMA_BASE_URL": url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.01"]
        )
        let poller = OllamaServerMetricsPoller(configuration, log: Log(level: nil), timeLimit: timeLimit) { reading in
            count.mutate { count in
                guard count.polls < number else { return }
                count.polls += 1
                if reading.isUp { count.up += 1 }
            }
        }
        poller.start()
        let all: Bool? = count.wait(until: .now + .seconds(60)) { $0.polls == number ? true : nil }
        guard all == true, poller.stop() else { throw Stuck() }
        total.polls += number
        total.up += count.read { $0.up }
    }

    private func report(_ moment: String, _ total: Count) {
        // What ends does so on threads of others.
        _ = eventually(within: .milliseconds(500)) { false }
        let now = ProcessResources.now
        print(
            "| \(moment) | \(total.polls) | \(total.up) | \(now.threads) | \(now.descriptors) | \(now.children) "
                + "| \(now.memory) |"
        )
        fflush(nil)
    }
}
