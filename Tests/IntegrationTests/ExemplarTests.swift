import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Exemplars, in a real Prometheus", .serialized, .blocking)
struct ExemplarTests {
    private let time = SimulatedDurations()
    private static let slowTrace = "0af7651916cd43dd8448eb211c80319c"

    private func instrumentation(endpoint: String?, protocol: String = "http/json") -> GenAIInstrumentation {
        var environment = [
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_ENABLE_GPU_METRICS": "false",
            "OTEL_SERVICE_NAME": "chat", "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            "OTEL_EXPORTER_OTLP_PROTOCOL": `protocol`, "OTEL_METRICS_EXPORTER": endpoint == nil ? "none" : "otlp",
        ]
        environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = endpoint
        let result = GenAIInstrumentation(GenAIConfiguration(environment: environment), timeSource: time)
        result.start()
        return result
    }

    private func prometheus(scraping target: String? = nil) throws -> Prometheus {
        let job = target.map {
            "scrape_configs: [{job_name: scraped, scrape_interval: 1s, static_configs: [{targets: [\"\($0)\"]}]}]\n"
        }
        return try Prometheus(
            configuration: "global: {evaluation_interval: 1s}\n\(job ?? "")",
            files: [:],
            arguments: ["--enable-feature=exemplar-storage"]
        )
    }

    /// A quick request of one trace and a slow one of another.
    private func traffic(_ metrics: ServerMetricsCollector) {
        let quick = metrics.beginRequest(model: "llama")
        quick.trace = RequestTrace(traceID: "11111111111111111111111111111111", spanID: "2222222222222222")
        quick.finish()
        let slow = metrics.enqueueRequest(model: "llama")
        slow.trace = RequestTrace(traceParent: "00-\(Self.slowTrace)-b7ad6b7169203331-01")
        time.advance(byMilliseconds: 200)
        slow.markFirstToken()
        slow.finish(inputTokens: 3, outputTokens: 5)
    }

    /// Whether the slow requests of a metric lead to their trace.
    private func leadsToTrace(_ prometheus: Prometheus, _ metric: String) -> Bool {
        eventually(within: .seconds(20)) {
            let slow = (try? prometheus.exemplars(of: "\(metric)_bucket"))?.filter { $0.value >= 0.2 } ?? []
            return !slow.isEmpty && slow.allSatisfy { $0.traceID == Self.slowTrace }
        }
    }

    private static let metrics = ["request_duration", "request_queue_time", "time_to_first_token"].map {
        "gen_ai_server_\($0)_seconds"
    }

    @Test(
        "OpenMetrics is scraped without a warning, and the ids of the slow requests are found",
        Program.areThere(.prometheus)
    )
    func scraped() throws {
        let instrumentation = instrumentation(endpoint: nil)
        defer { instrumentation.shutdown() }
        let server = try LoopbackServer { request in
            guard request.headers["accept"]?.contains("application/openmetrics-text") == true else {
                return .response(406)
            }
            let type = ["Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"]
            return .response(200, headers: type, body: Data(instrumentation.openMetricsText().utf8))
        }
        defer { server.stop() }
        let prometheus = try prometheus(scraping: "127.0.0.1:\(server.port)")
        defer { prometheus.process.stop() }
        instrumentation.serverMetrics.setKVCacheUsage(model: "quote \" backslash \\ line\nfeed 🦙", percent: 12.5)
        traffic(instrumentation.serverMetrics)
        for metric in Self.metrics { #expect(leadsToTrace(prometheus, metric), "\(metric)") }
        #expect(
            try prometheus.query("gen_ai_server_tokens_total", by: "gen_ai_token_type") == ["input": 3, "output": 5]
        )
        #expect(try prometheus.query("target_info", by: "service_name") == ["chat": 1])
        #expect(try prometheus.query(#"up{job="scraped"}"#, by: "job") == ["scraped": 1])
        #expect(prometheus.process.lines.filter { $0.contains("WARN") || $0.contains("ERROR") } == [])
    }

    @Test(
        "through the Collector, the ids of the slow requests are found",
        Program.areThere(.collector, .prometheus),
        arguments: ["http/json", "http/protobuf"]
    )
    func exported(protocol: String) throws {
        let prometheus = try prometheus()
        defer { prometheus.process.stop() }
        let collector = try Collector(forwardingTo: prometheus.otlpEndpoint)
        defer { collector.process.stop() }
        let instrumentation = instrumentation(endpoint: "\(collector.url)/v1/metrics", protocol: `protocol`)
        traffic(instrumentation.serverMetrics)
        #expect(instrumentation.shutdown())
        for metric in Self.metrics { #expect(leadsToTrace(prometheus, metric), "\(metric)") }
    }
}
