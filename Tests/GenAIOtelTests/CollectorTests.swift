import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

@Suite("ServerMetricsCollector: what the application sets")
struct CollectorTests {
    private let recorder = LogRecorder()

    private func collector(limit: Int = 2000) -> ServerMetricsCollector {
        ServerMetricsCollector(cardinalityLimit: limit, log: recorder.log())
    }

    @Test("a new collector has no KV usage, nothing running and nothing waiting")
    func fresh() {
        let metrics = collector()
        #expect(metrics.kvCacheUsage.isEmpty)
        #expect(metrics.requestsRunning == 0)
        #expect(metrics.requestsWaiting == 0)
        #expect(metrics.requestsMax == nil)
        #expect(metrics.readings.isEmpty)
    }

    @Test("two models give exactly two points with their values")
    func twoModels() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "gpt-4", percent: 75.5)
        metrics.setKVCacheUsage(model: "llama-2-7b", percent: 50)
        #expect(metrics.kvCacheUsage == ["gpt-4": 75.5, "llama-2-7b": 50])
        #expect(
            points(.kvCacheUsage, of: metrics) == [
                NumberPoint([Attribute("model", .string("gpt-4"))], .double(75.5)),
                NumberPoint([Attribute("model", .string("llama-2-7b"))], .double(50)),
            ]
        )
    }

    @Test(
        "a percentage is clamped",
        arguments: [(150.0, 100.0), (-50, 0), (0, 0), (100, 100), (.greatestFiniteMagnitude, 100)]
    )
    func clamping(given: Double, expected: Double) {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "m", percent: given)
        #expect(metrics.kvCacheUsage == ["m": expected])
    }

    @Test("NaN and infinities are ignored with one warning and leave the value alone")
    func notANumber() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "m", percent: 42)
        for percent in [Double.nan, .infinity, -.infinity, .signalingNaN] {
            metrics.setKVCacheUsage(model: "m", percent: percent)
        }
        #expect(metrics.kvCacheUsage == ["m": 42])
        #expect(recorder.lines(.warning).count == 1)
    }

    @Test("a model without a name is ignored with a warning")
    func noName() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "", percent: 1)
        #expect(metrics.kvCacheUsage.isEmpty)
        #expect(recorder.lines(.warning).count == 1)
    }

    @Test("running, waiting and maximum keep what was set; negative counts become 0")
    func setting() {
        let metrics = collector()
        metrics.setRequestsRunning(5)
        metrics.setRequestsWaiting(10)
        metrics.setRequestsMax(20)
        #expect([metrics.requestsRunning, metrics.requestsWaiting, metrics.requestsMax] == [5, 10, 20])
        metrics.setRequestsRunning(-1)
        metrics.setRequestsWaiting(.min)
        metrics.setRequestsMax(-7)
        #expect([metrics.requestsRunning, metrics.requestsWaiting, metrics.requestsMax] == [0, 0, 0])
    }

    @Test("running: +1 +3 -1 -2 -10 gives 1 4 3 1 0")
    func running() {
        let metrics = collector()
        metrics.incrementRequestsRunning()
        #expect(metrics.requestsRunning == 1)
        metrics.incrementRequestsRunning(by: 3)
        #expect(metrics.requestsRunning == 4)
        metrics.decrementRequestsRunning()
        #expect(metrics.requestsRunning == 3)
        metrics.decrementRequestsRunning(by: 2)
        #expect(metrics.requestsRunning == 1)
        metrics.decrementRequestsRunning(by: 10)
        #expect(metrics.requestsRunning == 0)
    }

    @Test("waiting: +1 +5 -3 -10 gives 1 6 3 0")
    func waiting() {
        let metrics = collector()
        metrics.incrementRequestsWaiting()
        #expect(metrics.requestsWaiting == 1)
        metrics.incrementRequestsWaiting(by: 5)
        #expect(metrics.requestsWaiting == 6)
        metrics.decrementRequestsWaiting(by: 3)
        #expect(metrics.requestsWaiting == 3)
        metrics.decrementRequestsWaiting(by: 10)
        #expect(metrics.requestsWaiting == 0)
    }

    @Test("arithmetic stops at the ends: Int.max added twice, Int.min as a delta")
    func saturation() {
        let metrics = collector()
        metrics.incrementRequestsRunning(by: .max)
        metrics.incrementRequestsRunning(by: .max)
        #expect(metrics.requestsRunning == .max)
        metrics.incrementRequestsRunning(by: .min)
        #expect(metrics.requestsRunning == 0)
        metrics.decrementRequestsRunning(by: .min)
        #expect(metrics.requestsRunning == .max)
        metrics.decrementRequestsRunning(by: .max)
        #expect(metrics.requestsRunning == 0)
        metrics.decrementRequestsWaiting(by: -3)
        #expect(metrics.requestsWaiting == 3)
        metrics.incrementRequestsWaiting(by: -5)
        #expect(metrics.requestsWaiting == 0)
        metrics.setRequestsWaiting(.max)
        #expect(points(.requestsWaiting, of: metrics) == [NumberPoint([], .int(.max))])
    }

    @Test("eight threads that count up and down lose nothing")
    func threads() {
        let metrics = collector()
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for step in 0..<2_000 {
                metrics.incrementRequestsRunning(by: 2)
                metrics.incrementRequestsWaiting()
                metrics.decrementRequestsRunning()
                metrics.setKVCacheUsage(model: "model-\(thread)", percent: Double(step % 100))
                if step % 100 == 0 { _ = metrics.snapshot(time: 1) }
            }
        }
        #expect(metrics.requestsRunning == 16_000)
        #expect(metrics.requestsWaiting == 16_000)
        #expect(metrics.kvCacheUsage.count == 8)
    }

    @Test("all four seed gauges are there once they are set, with the names, units and texts of the original")
    func names() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "m", percent: 1)
        metrics.setRequestsMax(1)
        let descriptors = metrics.snapshot(time: 1).metrics.map(\.descriptor)
        #expect(
            descriptors.map(\.name) == [
                "gen_ai.server.kv_cache.usage", "gen_ai.server.requests.running", "gen_ai.server.requests.waiting",
                "gen_ai.server.requests.max",
            ]
        )
        #expect(descriptors.map(\.unit) == ["%", "{request}", "{request}", "{request}"])
        #expect(
            descriptors.map(\.description) == [
                "GPU KV-cache usage percentage (0-100)", "Number of requests currently executing",
                "Number of requests waiting in queue", "Maximum concurrent request capacity",
            ]
        )
    }

    @Test("running and waiting are reported from the start, the maximum not before it is set")
    func absentIsNotZero() {
        let metrics = collector()
        #expect(points(.requestsRunning, of: metrics) == [NumberPoint([], .int(0))])
        #expect(points(.requestsWaiting, of: metrics) == [NumberPoint([], .int(0))])
        #expect(points(.requestsMax, of: metrics).isEmpty)
    }

    @Test("a removed model is gone, the others stay, and it can come back")
    func remove() {
        let metrics = collector()
        for model in ["a", "b", "c"] { metrics.setKVCacheUsage(model: model, percent: 10) }
        metrics.removeModel("a")
        metrics.removeModel("never seen")
        #expect(metrics.kvCacheUsage == ["b": 10, "c": 10])
        metrics.setKVCacheUsage(model: "c", percent: 30)
        metrics.setKVCacheUsage(model: "a", percent: 20)
        #expect(metrics.kvCacheUsage == ["a": 20, "b": 10, "c": 30])
        #expect(points(.kvCacheUsage, of: metrics).count == 3)
    }

    @Test("a name of a megabyte is cut at a character boundary and stays one series")
    func hugeName() throws {
        let metrics = collector()
        let name = "x" + String(repeating: "é", count: 500_000)
        metrics.setKVCacheUsage(model: name, percent: 1)
        metrics.setKVCacheUsage(model: name + "different end", percent: 2)
        let kept = try #require(metrics.kvCacheUsage.first)
        #expect(metrics.kvCacheUsage.count == 1)
        #expect(kept.key == "x" + String(repeating: "é", count: 127))
        #expect(kept.value == 2)
        metrics.removeModel(name)
        #expect(metrics.kvCacheUsage.isEmpty)
    }

    @Test("beyond the cardinality limit models share one point, with one warning")
    func cardinality() {
        let metrics = collector(limit: 2)
        for (index, model) in ["a", "b", "c", "d"].enumerated() {
            metrics.setKVCacheUsage(model: model, percent: Double(index))
        }
        let overflow = [Attribute("otel.metric.overflow", .bool(true))]
        #expect(metrics.kvCacheUsage == ["a": 0, "b": 1])
        #expect(points(.kvCacheUsage, of: metrics).count == 3)
        #expect(points(.kvCacheUsage, of: metrics).contains(NumberPoint(overflow, .double(3))))
        #expect(recorder.lines(.warning).count == 1)

        metrics.removeModel("a")
        metrics.setKVCacheUsage(model: "e", percent: 9)
        #expect(metrics.kvCacheUsage == ["b": 1, "e": 9], "a place that became free is used")
        #expect(points(.kvCacheUsage, of: metrics).contains(NumberPoint(overflow, .double(3))))
    }

    @Test("a snapshot is not changed by what is set after it")
    func snapshotIsACopy() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "m", percent: 1)
        let snapshot = metrics.snapshot(time: 7)
        metrics.setKVCacheUsage(model: "m", percent: 2)
        metrics.removeModel("m")
        #expect(snapshot.time == 7)
        #expect(snapshot.metrics.first?.points.first?.value == .double(1))
    }
}

/// The points of one metric in a snapshot taken now.
func points(_ descriptor: MetricDescriptor, of metrics: ServerMetricsCollector) -> [NumberPoint] {
    metrics.snapshot(time: 1).metrics.first { $0.descriptor == descriptor }?.points ?? []
}
