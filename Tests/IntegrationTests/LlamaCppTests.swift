import EnginePoller
import Foundation
import GenAISupport
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
        let poller = EngineServerMetricsPoller(targets: [target], logLevel: nil) { reading in
            readings.mutate { $0.append(reading) }
        }
        defer { poller.stop() }
        poller.start()
        let idle = try #require(wait(readings) { _ in true })
        #expect(idle.requestsRunning == 0)
        #expect(idle.requestsMax == 2)

        let busy = try #require(try loadUntilBusy(server, readings))
        #expect(busy.requestsMax == 2)
        #expect(busy.model?.hasSuffix("tiny-random.gguf") == true)
        let usages = readings.read { $0.flatMap(\.models).compactMap(\.kvCacheUsage) }
        #expect(usages.allSatisfy { (0...100).contains($0) })
        #expect(wait(readings) { ($0.kvCacheUsage ?? 0) > 0 } != nil)

        readings.mutate { $0 = [] }
        #expect(wait(readings) { $0.requestsRunning == 0 && $0.requestsWaiting == 0 && $0.kvCacheUsage == 0 } != nil)
        #expect(poller.stop())
    }

    /// Sends six requests at once until two of them run and four wait, and returns once they have been answered.
    ///
    /// The server reads each connection on a thread of a pool, and sometimes leaves one of the six unread until another
    /// has been answered; then three wait. That is a matter of chance, hence the rounds.
    private func loadUntilBusy(_ server: LlamaCppServer, _ readings: Monitor<[ServerReading]>) throws -> ModelReading? {
        for _ in 0..<10 {
            let answered = try server.load(6)
            #expect(answered.wait(until: .now + .seconds(120)) { $0 == 6 ? true : nil } == true)
            let models = readings.read { $0.flatMap(\.models) }
            if let busy = models.first(where: { $0.requestsRunning == 2 && $0.requestsWaiting == 4 }) { return busy }
        }
        return nil
    }

    /// Waits for a reading of the one model that satisfies `condition`.
    private func wait(
        _ readings: Monitor<[ServerReading]>,
        where condition: @escaping (ModelReading) -> Bool
    ) -> ModelReading? {
        readings.wait(until: .now + .seconds(60)) { $0.flatMap(\.models).first(where: condition) }
    }
}
