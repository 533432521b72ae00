import EnginePoller
import Foundation
import RuntimeSupport
import TestSupport
import Testing

@Suite(
    "The real llama.cpp server",
    .blocking,
    .enabled(if: LlamaCppServer.isAvailable, "needs LLAMACPP_PYTHON and LLAMACPP_SERVER")
)
struct LlamaCppTests {
    @Test("six requests at once: two run, four wait; and none when they are done")
    func load() throws {
        let server = try LlamaCppServer()
        defer { server.stop() }
        let readings = Monitor<[ServerReading]>([])
        let target = EngineTarget(url: try #require(URL(string: server.url)), interval: .milliseconds(50))
        let poller = EnginePoller(targets: [target], logLevel: .off) { reading in
            readings.mutate { $0.append(reading) }
        }
        defer { poller.stop() }
        poller.start()
        let idle = try #require(wait(readings) { _ in true })
        #expect(idle.requestsRunning == 0)
        #expect(idle.requestsMax == 2)

        let answered = try server.load(6)
        let busy = try #require(wait(readings) { $0.requestsRunning == 2 && $0.requestsWaiting == 4 })
        #expect(busy.requestsMax == 2)
        #expect(busy.model == "tiny-random.gguf")
        let usages = readings.read { $0.flatMap(\.models).compactMap(\.kvCacheUsage) }
        #expect(usages.allSatisfy { (0...100).contains($0) })
        #expect(wait(readings) { ($0.kvCacheUsage ?? 0) > 0 } != nil)

        #expect(answered.wait(until: .now + .seconds(120)) { $0 == 6 ? true : nil } == true)
        readings.mutate { $0 = [] }
        #expect(wait(readings) { $0.requestsRunning == 0 && $0.requestsWaiting == 0 && $0.kvCacheUsage == 0 } != nil)
        #expect(poller.stop())
    }

    /// Waits for a reading of the one model that satisfies `condition`.
    private func wait(
        _ readings: Monitor<[ServerReading]>,
        where condition: @escaping (ModelReading) -> Bool
    ) -> ModelReading? {
        readings.wait(until: .now + .seconds(60)) { $0.flatMap(\.models).first(where: condition) }
    }
}
