// The calls that any thread may make at any moment.

import EnginePoller
import Foundation
import GenAIOtel
import OllamaPoller
import TestSupport

/// One call, by the name that a report of a deadlock gives it.
struct Call: Sendable {
    let name: String
    /// How often it is made, beside the others.
    let weight: Int
    let make: @Sendable (Subjects, inout SeededGenerator) -> Void

    init(_ name: String, _ weight: Int = 8, _ make: @escaping @Sendable (Subjects, inout SeededGenerator) -> Void) {
        (self.name, self.weight, self.make) = (name, weight, make)
    }

    static func random(using random: inout SeededGenerator) -> Call {
        var rest = Int.random(in: 0..<totalWeight, using: &random)
        return all.first { call in
            rest -= call.weight
            return rest < 0
        } ?? all[0]
    }

    private static let timeouts: [Duration] = [
        .seconds(-1), .zero, .milliseconds(1), .milliseconds(1), .milliseconds(5), .milliseconds(5), .milliseconds(20),
        .milliseconds(50), .milliseconds(300),
    ]

    private static func timeout(_ random: inout SeededGenerator) -> Duration {
        timeouts.randomElement(using: &random) ?? .zero
    }

    private static let totalWeight = all.reduce(0) { $0 + $1.weight }

    private static let all: [Call] = [
        Call("Ollama's poller: start", 24) { subjects, _ in subjects.startOllama() },
        Call("Ollama's poller: stop") { $0.stopOllama(timeout(&$1)) },
        Call("Ollama's poller: restart") { subjects, random in
            subjects.stopOllama(timeout(&random))
            subjects.startOllama()
        },
        Call("Ollama's poller: close", 1) { subjects, _ in subjects.ollama.close() },
        Call("the engines' poller: start", 24) { subjects, _ in subjects.startEngines() },
        Call("the engines' poller: stop") { $0.stopEngines(timeout(&$1)) },
        Call("the engines' poller: restart") { subjects, random in
            subjects.stopEngines(timeout(&random))
            subjects.startEngines()
        },
        Call("the engines' poller: setTargets", 16) { subjects, random in
            subjects.engines.setTargets(Subjects.targets(subjects.servers, using: &random))
        },
        Call("the engines' poller: close", 1) { subjects, _ in subjects.engines.close() },

        Call("the instrumentation: start", 12) { subjects, _ in subjects.startOwn() },
        Call("the instrumentation: setEngines") { subjects, random in
            subjects.own.setEngines(Subjects.targets(subjects.servers, using: &random))
        },
        Call("the instrumentation: forceFlush") { $0.own.forceFlush(timeout: timeout(&$1)) },
        Call("the instrumentation: await forceFlush", 1) { subjects, random in
            let timeout = timeout(&random)
            wait { await subjects.own.forceFlush(timeout: timeout) }
        },
        Call("the instrumentation: shutdown", 1) { $0.shutdownOwn(timeout(&$1)) },
        Call("the instrumentation: await shutdown", 1) { subjects, random in
            let timeout = timeout(&random)
            wait { await subjects.own.shutdown(timeout: timeout) }
        },
        Call("the instrumentation: prometheusText") { subjects, _ in _ = subjects.own.prometheusText() },
        Call("the instrumentation: record, withdraw") { subjects, _ in
            let server = ServerIdentity(engine: "application", address: "h", port: 1)
            subjects.own.serverMetrics.record(ServerReading(server: server, modelsLoaded: 1))
            subjects.own.serverMetrics.withdraw(server)
        },

        Call("instrument()") { subjects, random in instrument(subjects.globalConfiguration(using: &random)) },
        Call("instrument().shutdown", 4) { subjects, random in
            instrument(subjects.globalConfiguration(using: &random)).shutdown(timeout: timeout(&random))
        },
        Call("instrument().forceFlush", 4) { subjects, random in
            instrument(subjects.globalConfiguration(using: &random)).forceFlush(timeout: timeout(&random))
        },
        Call("instrument().setEngines", 4) { subjects, random in
            instrument(subjects.globalConfiguration(using: &random))
                .setEngines(Subjects.targets(subjects.servers, using: &random))
        },
        Call("getServerMetrics()") { _, _ in
            getServerMetrics()?.setKVCacheUsage(model: "m", percent: .nan)
            getServerMetrics()?.trackRequest(model: "m") { $0.markFirstToken() }
        },
    ]

    /// Blocks this thread, which is none of Swift's pool, until the work is done.
    private static func wait(for work: @escaping @Sendable () async -> Bool) {
        let isDone = Monitor(false)
        Task.detached {
            _ = await work()
            isDone.mutate { $0 = true }
        }
        let _: Bool? = isDone.wait(until: nil) { $0 ? true : nil }
    }
}
