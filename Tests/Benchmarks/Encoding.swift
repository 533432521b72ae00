// What a snapshot and its encoding cost, and whether they hold up those who write.

import Foundation
import GenAIOtel
import RuntimeSupport

func measureCollectAndEncode() {
    let encoder = OTLPJSONEncoder(resource: Resource(["service.name": .string("benchmark")]))
    for count in [10, 1_000, 10_000, 100_000] {
        let metrics = collector(models: count)
        var bytes = 0
        report("snapshot and OTLP JSON of \(count) models", iterations: max(200_000 / count, 3)) {
            bytes = encoder.encode(metrics.snapshot(time: 1_700_000_000_000_000_000)).count
        }
        print("    \(bytes) bytes")
    }
    report("JSONEncoder, the same shape, 10000 models", iterations: 5) {
        _ = try? JSONEncoder().encode(CodablePoint.all)
    }
    report("first registration of 10000 models", iterations: 5) { _ = collector(models: 10_000) }
}

func measureGauges() {
    let metrics = collector(models: 10_000)
    let bare = Locked(0)
    report("bare lock around an addition", iterations: 1_000_000) { bare.withLock { $0 += 1 } }
    report("incrementRequestsRunning", iterations: 1_000_000) { metrics.incrementRequestsRunning() }
    report("setRequestsWaiting", iterations: 1_000_000) { metrics.setRequestsWaiting(7) }
    report("setKVCacheUsage by name", iterations: 1_000_000) { metrics.setKVCacheUsage(model: "model-77", percent: 7) }
    printWaits("an increment, alone", metrics)
    let isDone = Locked(false)
    let thread = Thread { while !isDone.withLock({ $0 }) { _ = metrics.snapshot(time: 1) } }
    thread.start()
    printWaits("an increment, beside snapshots of 10000 models without a pause", metrics)
    isDone.withLock { $0 = true }
}

private func collector(models: Int) -> ServerMetricsCollector {
    let metrics = ServerMetricsCollector(cardinalityLimit: models, log: Log(level: .off))
    for index in 0..<models {
        metrics.setKVCacheUsage(model: "model-\(index)", percent: Double(index % 1000) / 10)
    }
    return metrics
}

/// How long single calls take at worst.
private func printWaits(_ name: String, _ metrics: ServerMetricsCollector) {
    let times = (0..<1_000_000).map { _ in
        let start = ContinuousClock.now
        metrics.incrementRequestsRunning()
        return start.duration(to: .now)
    }.sorted()
    func nanoseconds(_ share: Double) -> Int { Int(times[Int(Double(times.count - 1) * share)] / .nanoseconds(1)) }
    print("\(name): median \(nanoseconds(0.5)) ns, 99.9 % within \(nanoseconds(0.999)) ns (the clock included)")
}

/// A gauge point as Codable would have it.
private struct CodablePoint: Encodable {
    struct Attribute: Encodable {
        struct Value: Encodable { let stringValue: String }
        let key: String
        let value: Value
    }

    let attributes: [Attribute]
    let timeUnixNano: String
    let asDouble: Double

    static let all = (0..<10_000).map { index in
        CodablePoint(
            attributes: [Attribute(key: "model", value: .init(stringValue: "model-\(index)"))],
            timeUnixNano: "1700000000000000000",
            asDouble: Double(index % 1000) / 10
        )
    }
}
