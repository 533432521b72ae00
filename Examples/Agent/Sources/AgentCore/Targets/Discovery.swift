// Looks for engines on this machine.

import Foundation
import GenAIOtel
import Synchronization

/// Keeps the list of engines, and hands each new one on.
final class Targets: Sendable {
    private let list: Mutex<TargetList>
    private let candidates: [Candidate]
    private let onChange: @Sendable ([EngineTarget]) -> Void

    /// - Parameters:
    ///   - candidates: where to look for engines.
    ///   - onChange: polls these engines from now on; called by whoever changes the list, under a lock, so that the last
    ///     change wins.
    init(
        _ list: TargetList,
        candidates: [Candidate] = Candidate.engines,
        onChange: @escaping @Sendable ([EngineTarget]) -> Void
    ) {
        self.list = Mutex(list)
        self.candidates = candidates
        self.onChange = onChange
    }

    var current: [EngineTarget] { list.withLock { $0.targets } }

    func read(_ file: TargetFile) { change { $0.read(file) } }

    /// Asks every place where nobody is polled yet, all at once.
    ///
    /// - Parameter readings: the newest reading of what is polled.
    func lookAround(_ readings: [ServerReading]) async {
        let places = candidates
        let (open, settings) = list.withLock { ($0.open(places), $0.settings) }
        let new = await withTaskGroup(of: Int?.self) { group in
            for candidate in open {
                group.addTask {
                    guard let target = settings.found(at: candidate.url).first else { return nil }
                    let check = await target.check()
                    return check.reading.isUp && check.reading.server.engine != nil ? candidate.port : nil
                }
            }
            return await group.compactMap { $0 }.reduce(into: []) { $0.append($1) }
        }
        change { list in
            list.finishRound(new: new) { port in
                readings.contains { $0.isUp && $0.server.port == port && Loopback.contains($0.server.address) }
            }
        }
    }

    private func change(_ change: (inout TargetList) -> Void) {
        list.withLock { list in
            let former = list.targets
            change(&list)
            // Nothing is disturbed, either way; but nothing is to be done, either.
            if list.targets.map(\.key) != former.map(\.key) { onChange(list.targets) }
        }
    }
}

extension EngineTarget {
    /// What targets of one agent differ in. Holds secrets: it is compared, and never shown.
    fileprivate var key: [String] {
        [url.absoluteString, bearerToken ?? ""]
            + attributes.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }
}

/// Whether an Ollama is somebody's wish, or is only looked for.
enum NamedOllama {
    /// Whether the environment says where Ollama is, or that there is one.
    static func isIn(_ environment: [String: String]) -> Bool {
        ["OLLAMA_BASE_URL", "OLLAMA_HOST"].contains { environment[$0]?.isEmpty == false }
    }
}
