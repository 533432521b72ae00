// What a snapshot and its encoding cost, beside JSONEncoder.

import Foundation
import GenAIOtel
import GenAISupport

enum Encoding {
    private static let otlp = OTLPJSONEncoder(resource: Resource(["service.name": .string("benchmark")]))
    private static let prometheus = PrometheusTextEncoder(resource: Resource(["service.name": .string("benchmark")]))
    private static let time: UInt64 = 1_700_000_000_000_000_000

    static func run() -> [Table] {
        [
            comparison("10 000 points, values with one decimal") { Double($0 % 1_000) / 10 },
            comparison("10 000 points, values with all their digits") { Double($0 % 1_000) / 9.99 },
            growth("Snapshot and OTLP JSON, time per point", encodeOTLP),
            growth("Snapshot and Prometheus text, time per point", encodePrometheus),
        ]
    }

    private static func comparison(_ title: String, value: @escaping (Int) -> Double) -> Table {
        let metrics = collector(models: 10_000, value: value)
        let points = CodablePoint.points(10_000, time, value: value)
        let snapshot = metrics.snapshot(time: time)
        let goals: [Goal] = [.ratio(1.0 / 40), .allocations(2_000)]
        return Comparison(
            title: "Encoding of \(title)",
            unit: .milliseconds,
            rounds: 11,
            calls: 1,
            subjects: [
                Subject("JSONEncoder") { _ in _ = try? JSONEncoder().encode(points) },
                Subject("snapshot and OTLP JSON", goals: goals, calls: 10) { calls in
                    for _ in 0..<calls { encodeOTLP(metrics) }
                },
                Subject("snapshot and Prometheus text", goals: goals, calls: 10) { calls in
                    for _ in 0..<calls { encodePrometheus(metrics) }
                },
                Subject("the snapshot alone", calls: 10) { calls in
                    for _ in 0..<calls { _ = metrics.snapshot(time: time) }
                },
                Subject("OTLP JSON alone", calls: 10) { calls in
                    for _ in 0..<calls { _ = otlp.encode(snapshot) }
                },
            ]
        ).run()
    }

    /// The time per point should not depend on their number.
    private static func growth(_ title: String, _ encode: @escaping @Sendable (ServerMetricsCollector) -> Void) -> Table
    {
        let subjects = [1_000, 10, 100, 10_000, 100_000].map { count in
            let metrics = collector(models: count) { Double($0 % 1_000) / 10 }
            let passes = max(100_000 / count, 1)
            return Subject("\(count) points", calls: passes * count) { calls in
                for _ in 0..<max(calls / count, 1) { encode(metrics) }
            }
        }
        return Comparison(title: title, rounds: 9, subjects: subjects).run()
    }

    @Sendable
    private static func encodeOTLP(_ metrics: ServerMetricsCollector) {
        _ = otlp.encode(metrics.snapshot(time: time))
    }

    @Sendable
    private static func encodePrometheus(_ metrics: ServerMetricsCollector) {
        _ = prometheus.encode(metrics.snapshot(time: time))
    }

    private static func collector(models: Int, value: (Int) -> Double) -> ServerMetricsCollector {
        let metrics = ServerMetricsCollector(cardinalityLimit: models, log: Log(level: nil))
        for index in 0..<models { metrics.setKVCacheUsage(model: "model-\(index)", percent: value(index)) }
        return metrics
    }
}

/// A gauge point as Codable would have it.
private struct CodablePoint: Encodable, Sendable {
    struct Attribute: Encodable {
        struct Value: Encodable { let stringValue: String }
        let key: String
        let value: Value
    }

    let attributes: [Attribute]
    let timeUnixNano: String
    let asDouble: Double

    static func points(_ number: Int, _ time: UInt64, value: (Int) -> Double) -> [CodablePoint] {
        (0..<number).map { index in
            CodablePoint(
                attributes: [Attribute(key: "model", value: .init(stringValue: "model-\(index)"))],
                timeUnixNano: String(time),
                asDouble: value(index)
            )
        }
    }
}
