import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

/// They share the one instrumentation that a process has, so they run one after another.
@Suite("instrument(), against real backends", .serialized, .blocking)
struct BackendTests {
    private func configuration(endpoint: String, _ environment: [String: String] = [:]) -> GenAIConfiguration {
        var environment = environment
        environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = endpoint
        environment["GENAI_ENABLE_OLLAMA_SERVER_METRICS"] = "false"
        environment["OTEL_SERVICE_NAME"] = "integration"
        return GenAIConfiguration(environment: environment)
    }

    /// What the README shows.
    private func setGauges() throws {
        let metrics = try #require(getServerMetrics())
        metrics.setKVCacheUsage(model: "gpt-4", percent: 75.5)
        metrics.setKVCacheUsage(model: "llama-2-7b", percent: 42.5)
        metrics.setRequestsRunning(4)
        metrics.setRequestsWaiting(62)
        metrics.setRequestsMax(50)
        metrics.incrementRequestsRunning()
        metrics.decrementRequestsWaiting(by: 2)
    }

    @Test("the Collector receives every metric with its attributes, plain and gzip", Program.areThere(.collector))
    func collector() throws {
        let collector = try Collector()
        defer { collector.process.stop() }
        for compression in ["none", "gzip"] {
            let environment = ["OTEL_EXPORTER_OTLP_COMPRESSION": compression]
            let instrumentation = instrument(configuration(endpoint: "\(collector.url)/v1/metrics", environment))
            try setGauges()
            getServerMetrics()?.setKVCacheUsage(model: "via \(compression)", percent: 1)
            #expect(instrumentation.shutdown())
            #expect(instrumentation.exportStatistics.pointsDelivered == 6)
            #expect(collector.process.waitForLine(containing: "model: Str(via \(compression))") != nil)
        }
        for text in [
            "gen_ai.server.kv_cache.usage", "model: Str(gpt-4)", "Value: 75.500000", "gen_ai.server.requests.running",
            "gen_ai.server.requests.waiting", "gen_ai.server.requests.max", "Value: 50",
            "service.name: Str(integration)",
            "InstrumentationScope genai.server \(PackageInfo.version)", "Unit: {request}",
        ] {
            #expect(collector.process.waitForLine(containing: text) != nil, "\(text)")
        }
    }

    @Test(
        "through the Collector into Prometheus: the guide's queries find what was set",
        Program.areThere(.collector, .prometheus)
    )
    func guideQueries() throws {
        let prometheus = try Prometheus.withPlainNames()
        defer { prometheus.process.stop() }
        let collector = try Collector(forwardingTo: prometheus.otlpEndpoint)
        defer { collector.process.stop() }
        let instrumentation = instrument(configuration(endpoint: "\(collector.url)/v1/metrics"))
        try setGauges()
        #expect(instrumentation.forceFlush())

        func expect(_ expression: String, _ values: [String: Double]) {
            // The Collector sends on in its own time, and Prometheus evaluates its rules once a second.
            #expect(eventually { (try? prometheus.query(expression)) == values }, "\(expression)")
        }
        expect("gen_ai_server_kv_cache_usage", ["gpt-4": 75.5, "llama-2-7b": 42.5])
        expect(#"gen_ai_server_kv_cache_usage{model="gpt-4"}"#, ["gpt-4": 75.5])
        expect("avg(gen_ai_server_kv_cache_usage)", ["": 59])
        expect("gen_ai_server_requests_waiting", ["": 60])
        expect("gen_ai_server_requests_running / gen_ai_server_requests_max * 100", ["": 10])
        expect("gen_ai_server_requests_waiting > 50", ["": 60])

        getServerMetrics()?.setRequestsWaiting(3)
        #expect(instrumentation.shutdown())
        expect("gen_ai_server_requests_waiting > 50", [:])
        expect("gen_ai_server_requests_waiting", ["": 3])
    }

    @Test("flushes in quick succession are all accepted by Prometheus itself", Program.areThere(.prometheus))
    func quickFlushes() throws {
        let prometheus = try Prometheus()
        defer { prometheus.process.stop() }
        let instrumentation = instrument(configuration(endpoint: prometheus.otlpEndpoint))
        for count in 1...20 {
            getServerMetrics()?.setRequestsRunning(count)
            #expect(instrumentation.forceFlush())
        }
        getServerMetrics()?.setKVCacheUsage(model: "quote \" and \\ and 🦙", percent: 1)
        #expect(instrumentation.shutdown())
        // Two snapshots are a millisecond apart at least, so the last of these may be some milliseconds ahead.
        #expect(
            eventually {
                (try? prometheus.query("gen_ai_server_requests_running", by: "job")) == ["integration": 20]
                    && (try? prometheus.query("gen_ai_server_kv_cache_usage_percent")) == ["quote \" and \\ and 🦙": 1]
            }
        )
    }
}
