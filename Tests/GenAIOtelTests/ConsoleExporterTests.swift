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

    @Test("one block: name, attributes, value and unit of each point, with nothing that could move the cursor")
    func block() {
        let written = Monitor<[String]>([])
        let exporter = ConsoleExporter(serviceName: "my\u{1b}[2J server") { text in written.mutate { $0.append(text) } }
        exporter.accept(snapshot)
        #expect(exporter.deliver(deadline: .now, cancellation: Cancellation()))
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

    @Test("output that can't be written is a failed export")
    func closed() {
        let exporter = ConsoleExporter(serviceName: "s") { _ in throw Closed() }
        exporter.accept(snapshot)
        #expect(!exporter.deliver(deadline: .now, cancellation: Cancellation()))
        #expect(exporter.deliver(deadline: .now, cancellation: Cancellation()), "that is said once")
        #expect(exporter.statistics.exportsFailed == 1)
        for _ in 0..<20 { exporter.accept(snapshot) }
        #expect(exporter.statistics.exportsFailed == 13, "what nobody reads does not pile up")
    }
}
