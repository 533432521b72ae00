// What a snapshot and its encoding cost, beside JSONEncoder.

import Foundation
import GenAIOtel
import GenAISupport

enum Encoding {
    private static let otlp = OTLPJSONEncoder(resource: Resource(["service.name": .string("benchmark")]))
    private static let protobuf = OTLPProtobufEncoder(resource: Resource(["service.name": .string("benchmark")]))
    private static let prometheus = PrometheusTextEncoder(resource: Resource(["service.name": .string("benchmark")]))
    private static let time: UInt64 = 1_700_000_000_000_000_000

    static func run() -> [Table] {
        [
            comparison("10 000 points, values with one decimal") { Double($0 % 1_000) / 10 },
            comparison("10 000 points, values with all their digits") { Double($0 % 1_000) / 9.99 },
        ]
            + [
                ("gauge points", gauges), ("histogram points", histograms { _ in nil }),
                ("exponential histogram points", histograms(exponential).withExponentialHistograms()),
            ].flatMap { encodings("10 000 \($0)", $1) } + [
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

    /// One snapshot in both encodings: time, allocations and size.
    private static func encodings(_ title: String, _ snapshot: MetricSnapshot) -> [Table] {
        let time = Comparison(
            title: "Encoding of \(title), the encoding alone",
            unit: .milliseconds,
            rounds: 11,
            calls: 10,
            subjects: [
                Subject("OTLP JSON") { calls in for _ in 0..<calls { _ = otlp.encode(snapshot) } },
                Subject("OTLP protobuf", goals: [.ratio(0.6), .allocations(20)]) { calls in
                    for _ in 0..<calls { _ = protobuf.encode(snapshot) }
                },
            ]
        ).run()
        let sizes = [otlp.encode(snapshot), protobuf.encode(snapshot)].map { Samples(values: [Double($0.count)]) }
        let size = Table(
            title: "Size of \(title)",
            rows: [
                Row("OTLP JSON", .bytes, sizes[0]),
                Row("OTLP protobuf", .bytes, sizes[1], baseline: sizes[0], goals: [.ratio(0.5)]),
            ]
        )
        return [time, size]
    }

    private static var gauges: MetricSnapshot {
        let points = (0..<10_000).map {
            NumberPoint([Attribute("model", .string("model-\($0)"))], .double(Double($0 % 1_000) / 9.99))
        }
        return MetricSnapshot(time: time, metrics: [Metric(.kvCacheUsage, points)])
    }

    /// Durations as of a server that has run for a while.
    private static func histograms(_ exponential: (Int) -> ExponentialBuckets?) -> MetricSnapshot {
        let bounds = (0..<14).map { 0.01 * Double(1 << $0) }
        let points = (0..<10_000).map { index in
            let counts = (0...14).map { UInt64(index * $0 * 7 % 90_000) }
            var point = HistogramPoint(
                [
                    Attribute("gen_ai.request.model", .string("model-\(index)")),
                    Attribute("gen_ai.operation.name", .string("chat")),
                ],
                bounds: bounds,
                bucketCounts: counts[...],
                count: counts.reduce(0, +),
                sum: Double(index) * 123.456789,
                range: 0.012345678...Double(index + 10) / 9.99,
                start: time - 3_600_000_000_000
            )
            point.exponential = exponential(index)
            return point
        }
        return MetricSnapshot(time: time, metrics: [Metric(.requestDuration, .histogram(points, .cumulative))])
    }

    private static func exponential(_ index: Int) -> ExponentialBuckets? {
        let counts = (0..<160).map { UInt64(index * $0 % 300) }
        return ExponentialBuckets(scale: 4, offset: -60, counts: counts[...], zeroCount: 0)
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
