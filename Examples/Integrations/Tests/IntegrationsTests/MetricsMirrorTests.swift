import Foundation
import GenAIOtel
import MetricsTestKit
import Testing

@testable import Integrations

@Suite("swift-metrics")
struct MetricsMirrorTests {
    private let metrics = ServerMetricsCollector()
    private let factory = TestMetrics()
    private let engine = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)

    private func reading(outputTokens: Int, since start: Date? = nil) -> ServerReading {
        var model = ModelReading(model: "m", requestsRunning: 3)
        model.outputTokens = outputTokens
        model.startTime = start
        return ServerReading(server: engine, models: [model])
    }

    @Test("gauges are meters with the attributes as dimensions")
    func gauges() async throws {
        let mirror = MetricsMirror(metrics, into: factory)
        metrics.setRequestsRunning(2)
        metrics.setKVCacheUsage(model: "m", percent: 62.5)
        await mirror.update()
        metrics.setRequestsRunning(1)
        await mirror.update()
        #expect(try factory.expectMeter("gen_ai.server.requests.running").values == [2, 1])
        #expect(try factory.expectMeter("gen_ai.server.kv_cache.usage", [("model", "m")]).lastValue == 62.5)
    }

    @Test("a counter is told what was added since the last time")
    func counters() async {
        let mirror = MetricsMirror(metrics, into: factory)
        metrics.beginRequest(model: "m").finish(outputTokens: 5)
        metrics.beginRequest(model: "m").finish(outputTokens: 6)
        await mirror.update()
        await mirror.update()
        #expect(factory.counterTotal(label: "gen_ai.requests") == 2)
        metrics.beginRequest(model: "m").finish(outputTokens: 7)
        await mirror.update()
        #expect(factory.counterTotal(label: "gen_ai.requests") == 3)
        #expect(factory.counterTotal(label: "gen_ai.server.tokens") == 18)
    }

    @Test("a histogram gives its count and its sum")
    func histograms() async throws {
        let mirror = MetricsMirror(metrics, into: factory)
        var model = ModelReading(model: "m")
        model.queueTime = HistogramReading(bounds: [1], bucketCounts: [2, 0], sum: 1)
        metrics.record(ServerReading(server: engine, models: [model]))
        await mirror.update()
        model.queueTime = HistogramReading(bounds: [1], bucketCounts: [2, 3], sum: 11)
        metrics.record(ServerReading(server: engine, models: [model]))
        await mirror.update()
        #expect(factory.counterTotal(label: "gen_ai.server.request.queue_time.count") == 3)
        #expect(factory.counterTotal(label: "gen_ai.server.request.queue_time.sum") == 10)
    }

    @Test("what a polled server counted before is left out, and a restart counts from 0", arguments: [true, false])
    func polledCounters(tellsStart: Bool) async {
        let mirror = MetricsMirror(metrics, into: factory)
        for (seconds, outputTokens) in [(0, 1_000), (0, 1_005), (60, 3)] as [(Double, Int)] {
            let start = tellsStart ? Date(timeIntervalSince1970: 1_800_000_000 + seconds) : nil
            metrics.record(reading(outputTokens: outputTokens, since: start))
            await mirror.update()
        }
        #expect(factory.counterTotal(label: "gen_ai.server.tokens") == 8)
    }

    @Test("the gauges of a server that is down are gone, and its counters go on when it is back")
    func downServer() async {
        let mirror = MetricsMirror(metrics, into: factory)
        metrics.record(reading(outputTokens: 1_000))
        await mirror.update()
        let own = factory.meters(label: "gen_ai.server.requests.running").count
        metrics.record(.down(engine))
        await mirror.update()
        #expect(factory.meters(label: "gen_ai.server.requests.running").count == own - 1)
        #expect(factory.meters(label: "gen_ai.server.up").map(\.lastValue) == [0])
        metrics.record(reading(outputTokens: 1_005))
        await mirror.update()
        #expect(factory.meters(label: "gen_ai.server.requests.running").count == own)
        #expect(factory.counterTotal(label: "gen_ai.server.tokens") == 5)
    }

    @Test("the values are mirrored a last time when the mirror is cancelled")
    func lastValues() async throws {
        let mirror = MetricsMirror(metrics, into: factory)
        let running = Task { await mirror.run(every: .seconds(3_600)) }
        while factory.meters.isEmpty { await Task.yield() }
        metrics.setRequestsRunning(7)
        running.cancel()
        await running.value
        #expect(try factory.expectMeter("gen_ai.server.requests.running").lastValue == 7)
    }
}
