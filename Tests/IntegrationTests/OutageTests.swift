import Foundation
import GenAIOtel
import TestSupport
import Testing

/// Sixty intervals without a collector.
@Suite("An outage of the collector", .serialized, .blocking)
struct OutageTests {
    private func configuration(endpoint: String) -> GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint])
        configuration.ollama = nil
        configuration.logLevel = nil
        configuration.exportInterval = .milliseconds(100)
        // Sixty, and those that come while the collector starts.
        configuration.otlp.outageBufferLimit = 500
        return configuration
    }

    private func waitForOutage(_ instrumentation: GenAIInstrumentation) -> Bool {
        eventually(within: .seconds(60)) { instrumentation.exportStatistics.exportsBuffered >= 60 }
    }

    private func waitForRecovery(_ instrumentation: GenAIInstrumentation) -> Bool {
        eventually(within: .seconds(60)) { instrumentation.exportStatistics.exportsBuffered == 0 }
    }

    @Test(
        "all snapshots of the outage arrive, in order, once, each with its own time",
        Program.areThere(.receiver, .receiverPython)
    )
    func strictReceiver() throws {
        let port = try freePort()
        let instrumentation = instrument(configuration(endpoint: "http://127.0.0.1:\(port)/v1/metrics"))
        defer { instrumentation.shutdown() }
        #expect(waitForOutage(instrumentation))
        let receiver = try StrictReceiver(port: port)
        defer { receiver.process.stop() }
        #expect(waitForRecovery(instrumentation))
        #expect(instrumentation.shutdown())

        let statistics = instrumentation.exportStatistics
        #expect(statistics.exportsFailed == 0)
        let entries = try receiver.waitForEntries(statistics.exportsDelivered)
        #expect(entries.count == statistics.exportsDelivered)
        #expect(entries.flatMap(\.findings) == [])
        let times = entries.compactMap(\.time)
        #expect(times.count == entries.count)
        // Later and later, by one interval each.
        let steps = zip(times.dropFirst(), times).map { Double($0 - $1) / 1e9 }
        #expect(steps.allSatisfy { $0 > 0 })
        #expect(steps.dropLast().count { $0 < 0.2 } >= 60)
    }

    @Test("Prometheus has no gap afterwards", Program.areThere(.prometheus))
    func prometheus() throws {
        var prometheus = try Prometheus()
        defer { prometheus.process.stop() }
        let instrumentation = instrument(configuration(endpoint: prometheus.otlpEndpoint))
        defer { instrumentation.shutdown() }
        #expect(eventually { instrumentation.exportStatistics.exportsDelivered >= 5 })
        prometheus.process.stop()
        #expect(waitForOutage(instrumentation))
        try prometheus.restart()
        #expect(waitForRecovery(instrumentation))
        #expect(instrumentation.shutdown())

        let statistics = instrumentation.exportStatistics
        #expect(statistics.exportsFailed == 0)
        let samples = try prometheus.samples("gen_ai_server_requests_running[10m]")
        #expect(samples.count == statistics.exportsDelivered)
        let gaps = zip(samples.dropFirst(), samples).map { $0.time - $1.time }
        // Sixty intervals were missed: a gap would be six seconds.
        #expect(try #require(gaps.max()) < 2)
        let (start, end) = (try #require(samples.first).time, try #require(samples.last).time)
        let steps = try prometheus.rangeCount("gen_ai_server_requests_running", from: start, to: end, step: 1)
        #expect(steps == Int(end - start) + 1)
    }
}
