// A collector, an Ollama and two engines, none of them well for long.

import Foundation
import GenAISupport
import TestSupport

/// Servers on loopback that answer, hang, reset, close and refuse in a random order.
final class StressServers: Sendable {
    private let collector: LoopbackServer
    private let ollama: LoopbackServer
    private let engines: [LoopbackServer]

    init(seed: UInt64) throws {
        let random = Locked(SeededGenerator(seed: seed))
        func server(_ answer: LoopbackAnswer) throws -> LoopbackServer {
            try LoopbackServer(keepsRequests: false) { _ in
                random.withLock { random in
                    switch Int.random(in: 0..<20, using: &random) {
                    case 0, 1: .hang
                    case 2, 3: .reset
                    case 4: .close
                    case 5: .text("", status: 503)
                    case 6: .drip(interval: .milliseconds(5))
                    default: answer
                    }
                }
            }
        }
        collector = try server(.json("{}"))
        ollama = try server(.json(#"{"models":[{"name":"a","size":2,"size_vram":1}]}"#))
        engines = try (0..<2).map { _ in try server(.text(SimulatedEngines.metricsPage)) }
    }

    var collectorURL: URL { url(collector, "/v1/metrics") }
    var ollamaURL: URL { url(ollama, "") }
    var engineURLs: [URL] { engines.map { url($0, "/metrics") } }

    func stop() {
        for server in engines + [collector, ollama] { server.stop() }
    }

    private func url(_ server: LoopbackServer, _ path: String) -> URL {
        guard let url = URL(string: server.url + path) else { fatalError("\(server.url) is a URL") }
        return url
    }
}
