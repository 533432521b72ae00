// Polls what is to be watched, and keeps what it tells.

import Foundation
import GenAIOtel
import Synchronization

/// What to watch.
package struct WatchOptions: Sendable {
    /// URLs of engines, beside those of the environment.
    package var engines: [String] = []
    package var targetsFile: String?
    /// Whether to look for engines on this machine.
    package var discovers = true
    /// Time from one poll to the next.
    package var interval: Duration = .seconds(1)

    package init() {}
}

/// What was read, for whoever draws it.
final class Board: Sendable {
    let state = Mutex(WatchState())
    private let start = ContinuousClock.now

    /// - Parameter evenIfNeverUp: whether a server that has not answered so far is shown as down.
    func record(_ reading: ServerReading, evenIfNeverUp isWanted: Bool) {
        guard isWanted || reading.isUp || state.withLock({ $0.knows(reading.server) }) else { return }
        record(reading)
    }

    func record(_ reading: ServerReading) {
        let time = start.duration(to: .now) / .seconds(1)
        state.withLock { $0.record(reading, at: time) }
    }
}

/// Polls engines, Ollama and GPUs until it is stopped. Nothing is exported, and nothing is logged: problems are shown.
final class Watcher: Sendable {
    private let board = Board()
    private let targets: Targets
    private let engines: EngineServerMetricsPoller
    private let ollama: OllamaServerMetricsPoller?
    private let gpus: GPUMetricsPoller?
    private let problems: [String]
    private let discovers: Bool
    private let rounds = Atomic(0)
    private let discovery = Mutex<Task<Void, Never>?>(nil)

    /// While somebody watches, what has just been started is to be seen soon.
    static let discoveryInterval: Duration = .seconds(10)
    /// Some drivers are asked by starting a program.
    private static let gpuInterval: Duration = .seconds(2)

    init(_ options: WatchOptions, environment: [String: String]) throws {
        let board = board
        let list = try TargetList(options.engines, targetsFile: options.targetsFile, environment: environment)
        let interval = options.interval
        let paced: @Sendable ([EngineTarget]) -> [EngineTarget] = { targets in
            targets.map { target in
                var target = target
                target.interval = interval
                return target
            }
        }
        let engines = EngineServerMetricsPoller(
            targets: paced(list.targets),
            logLevel: nil,
            onReading: board.record,
            onWithdrawal: { server in board.state.withLock { $0.withdraw(server) } }
        )
        self.engines = engines
        targets = Targets(list) { engines.setTargets(paced($0)) }
        discovers = options.discovers
        problems = list.problems
        let configuration = GenAIConfiguration(environment: environment)
        let isNamed = NamedOllama.isIn(environment)
        let hasOllama = isNamed || options.discovers
        ollama = (hasOllama ? configuration.ollama : nil).map { ollama in
            var ollama = ollama
            ollama.interval = interval
            // One that is only looked for is shown once it has answered.
            return OllamaServerMetricsPoller(ollama, logLevel: nil) { board.record($0, evenIfNeverUp: isNamed) }
        }
        gpus = configuration.gpus.map { gpus in
            var gpus = gpus
            gpus.interval = max(interval, Self.gpuInterval)
            return GPUMetricsPoller(
                gpus,
                logLevel: nil,
                onReading: { reading in board.state.withLock { $0.record(reading) } },
                onWithdrawal: { id in board.state.withLock { $0.withdraw(gpu: id) } }
            )
        }
    }

    var view: MachineView {
        var view = board.state.withLock { $0 }.view
        view.problems = problems
        return view
    }

    /// Whether this machine was looked over at least once.
    var hasLookedAround: Bool { !discovers || rounds.load(ordering: .relaxed) > 0 }

    func start() {
        engines.start()
        ollama?.start()
        gpus?.start()
        guard discovers else { return }
        let task = Task {
            while !Task.isCancelled {
                await lookAround()
                try? await Task.sleep(for: Self.discoveryInterval)
            }
        }
        discovery.withLock { $0 = task }
    }

    private func lookAround() async {
        let readings = board.state.withLock { $0.readings }
        await targets.lookAround(readings)
        rounds.wrappingAdd(1, ordering: .relaxed)
    }

    func stop() {
        discovery.withLock { $0?.cancel() }
        engines.stop(timeout: .seconds(1))
        ollama?.stop(timeout: .seconds(1))
        gpus?.stop(timeout: .seconds(1))
    }

    /// What to tell somebody who sees nothing.
    var notes: [String] {
        guard hasLookedAround else { return ["  Looking for engines and GPUs on this machine ..."] }
        return WatchNotes.nothing(discovers: discovers)
    }
}

/// Words for a machine with nothing on it.
enum WatchNotes {
    static func nothing(discovers: Bool) -> [String] {
        let places = Candidate.engines.map { "\($0.names) (\($0.port))" }
        let looked =
            discovers
            ? "  Looked on this machine for Ollama (\(Candidate.ollamaPort)), \(places.joined(separator: ", ")), and for GPUs. "
                + "Looking again every \(Watcher.discoveryInterval.components.seconds) seconds."
            : "  No engine is named, and none is looked for."
        return [
            "  No server to see here yet.", "", looked, "",
            "  An engine somewhere else, or on another port:", "    genai-agent watch --engine http://gpu-1:8000", "",
            "  Why a server does not show up, and what to start it with:",
            "    genai-agent check http://localhost:8000",
        ]
    }
}
