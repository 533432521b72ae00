import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("ConsoleExporter")
struct ConsoleExporterTests {
    private struct Closed: Error {}

    private let snapshot = MetricSnapshot(
        time: 1_700_000_000_000_000_000,
        metrics: [
            Metric(.kvCacheUsage, [NumberPoint([Attribute("model", .string("gpt\n\"4\""))], .double(75.5))]),
            Metric(.up, [NumberPoint([Attribute("server.port", .int(1)), Attribute("x", .bool(true))], .int(1))]),
        ]
    )

    private func delivery(serviceName: String, write: @escaping @Sendable ([UInt8]) throws -> Void) -> Delivery {
        let exporter = ConsoleExporter(serviceName: serviceName, write: write)
        return Delivery(exporter, timeout: .seconds(1), timeSource: SystemTimeSource())
    }

    @Test("one block: name, attributes, value and unit of each point, with nothing that could move the cursor")
    func block() {
        let written = Monitor<[String]>([])
        let exporter = delivery(serviceName: "my\u{1b}[2J server") { text in
            written.mutate { $0.append(String(decoding: text, as: UTF8.self)) }
        }
        #expect(exporter.export(snapshot, until: .now + .seconds(1)))
        #expect(exporter.statistics.pointsDelivered == 2)
        #expect(
            written.read { $0 } == [
                #"""
                Metrics of my\u{1B}[2J server at 2023-11-14T22:13:20Z
                  gen_ai.server.kv_cache.usage{model="gpt\n"4""} 75.5 %
                  gen_ai.server.up{server.port=1, x=true} 1

                """#
            ]
        )
    }

    @Test(
        "numbers are rounded to what a person reads, and no further",
        arguments: [
            (12.378124999999999, "12.378"), (0.20235728633333336, "0.2024"), (0.00001234567, "1.235e-05"), (0, "0.0"),
            (-0.98765, "-0.9877"), (123_456_789.125, "123456789.125"), (1e300, "1e+300"), (99.9996, "100.0"),
            (.leastNonzeroMagnitude, "5e-324"),
        ]
    )
    func rounding(number: Double, expected: String) {
        let histogram = HistogramPoint(
            [],
            bounds: [],
            bucketCounts: [3],
            count: 3,
            sum: number * 3,
            range: number...number,
            start: 0
        )
        let snapshot = MetricSnapshot(
            time: 0,
            metrics: [
                Metric(.kvCacheUsage, [NumberPoint([], .double(number))]),
                Metric(.requestDuration, .histogram([histogram], .cumulative)),
            ]
        )
        let text = ConsoleExporter.text(snapshot, serviceName: "s")
        #expect(text.contains("gen_ai.server.kv_cache.usage \(expected) %\n"), "\(text)")
        #expect(text.contains("min \(expected), max \(expected) s\n"), "\(text)")
    }

    @Test("output that can't be written is a failed export")
    func closed() {
        let exporter = delivery(serviceName: "s") { _ in throw Closed() }
        #expect(!exporter.export(snapshot, until: .now + .seconds(1)))
        #expect(exporter.statistics.exportsFailed == 1)
        for _ in 0..<20 { exporter.accept(snapshot) }
        #expect(exporter.statistics.exportsFailed == 13, "what nobody reads does not pile up")
    }
}
