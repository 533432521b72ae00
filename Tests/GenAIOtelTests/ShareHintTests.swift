import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("A KV-cache usage that looks like a share of 1")
struct ShareHintTests {
    private let recorder = LogRecorder()
    private let time = ManualTimeSource()

    private func collector() -> ServerMetricsCollector {
        ServerMetricsCollector(cardinalityLimit: 3, log: recorder.log(), timeSource: time)
    }

    /// Takes a snapshot a minute, each with the next usage.
    private func export(_ metrics: ServerMetricsCollector, _ usages: [Double], model: String = "m") {
        for usage in usages {
            metrics.setKVCacheUsage(model: model, percent: usage)
            _ = metrics.snapshot(time: 0)
            time.advance(by: .seconds(60))
        }
    }

    @Test("ten minutes above 0 and not above 1: one hint for each model")
    func shares() {
        let metrics = collector()
        export(metrics, [0.2, 0, 0.9, 1, 0.5, 0.5, 0.4, 0.3, 0, 0.7, 0.8])
        #expect(recorder.lines.isEmpty)
        export(metrics, [0.6])
        let hint =
            "KV-cache usage of \"m\" has not been above 1 % for 600 s: setKVCacheUsage takes percent, so multiply "
            + "a share by 100"
        #expect(recorder.lines(.info) == [hint])
        export(metrics, [Double](repeating: 0.5, count: 30))
        #expect(recorder.lines.count == 1)
        export(metrics, [Double](repeating: 0.5, count: 11), model: "other")
        #expect(recorder.lines.count == 2)
    }

    @Test("an idle server, and one that was ever above 1, get none")
    func percentages() {
        let idle = collector()
        export(idle, [Double](repeating: 0, count: 100))
        let light = collector()
        export(light, [1.01] + [Double](repeating: 0.5, count: 100))
        let late = collector()
        export(late, [Double](repeating: 0.5, count: 9) + [40] + [Double](repeating: 0.5, count: 100))
        #expect(recorder.lines.isEmpty)
    }

    @Test("many snapshots in a short time prove nothing, nor do few in a long one")
    func pace() {
        let metrics = collector()
        metrics.setKVCacheUsage(model: "m", percent: 0.5)
        for _ in 0..<1_000 {
            _ = metrics.snapshot(time: 0)
            time.advance(by: .milliseconds(500))
        }
        #expect(recorder.lines.isEmpty)
        let rare = collector()
        rare.setKVCacheUsage(model: "m", percent: 0.5)
        for _ in 0..<9 {
            _ = rare.snapshot(time: 0)
            time.advance(by: .seconds(3_600))
        }
        #expect(recorder.lines.isEmpty)
    }

    @Test("the point that models beyond the limit share is no model, and a model that was removed begins anew")
    func models() {
        let metrics = collector()
        for model in ["a", "b", "c", "d"] { metrics.setKVCacheUsage(model: model, percent: 40) }
        export(metrics, [Double](repeating: 0.5, count: 20), model: "d")
        #expect(recorder.lines(.info).isEmpty)
        metrics.removeModel("a")
        _ = metrics.snapshot(time: 0)
        time.advance(by: .seconds(60))
        export(metrics, [Double](repeating: 0.5, count: 11), model: "a")
        #expect(recorder.lines(.info).count == 1)
    }
}
