import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

extension BackendTests {
    @Test(
        "a real llama.cpp server under load, through instrument(), in a real Prometheus",
        Program.areThere(.prometheus),
        .enabled(if: LlamaCppServer.isAvailable, "needs LLAMACPP_PYTHON and LLAMACPP_SERVER")
    )
    func llamaCpp() throws {
        let prometheus = try Prometheus()
        defer { prometheus.process.stop() }
        let engine = try LlamaCppServer()
        defer { engine.stop() }
        let instrumentation = instrument(
            GenAIConfiguration(environment: [
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": prometheus.otlpEndpoint, "OTEL_METRIC_EXPORT_INTERVAL": "100",
                "GENAI_SERVER_METRICS_TARGETS": engine.url, "GENAI_SERVER_METRICS_INTERVAL": "0.05",
                "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
            ])
        )
        func values(_ expression: String) -> [Double]? {
            (try? prometheus.query(expression, by: "engine")).map { Array($0.values) }
        }
        func highest(_ metric: String) -> [Double]? { values("max_over_time(\(metric){engine=\"llama.cpp\"}[10m])") }

        #expect(eventually { values("gen_ai_server_requests_max{engine=\"llama.cpp\"}") == [2] })
        // The server sometimes reads one of the six requests late, and then only three wait: hence the rounds.
        var rounds = 0
        repeat {
            rounds += 1
            let answered = try engine.load(6)
            #expect(answered.wait(until: .now + .seconds(120)) { $0 == 6 ? true : nil } == true)
        } while highest("gen_ai_server_requests_waiting") != [4] && rounds < 10
        #expect(highest("gen_ai_server_requests_waiting") == [4])
        #expect(highest("gen_ai_server_requests_running") == [2])
        let usage = try #require(highest("gen_ai_server_kv_cache_usage_percent")?.first)
        #expect(usage > 0 && usage <= 100)
        #expect(eventually { values("gen_ai_server_requests_running{engine=\"llama.cpp\"}") == [0] })
        #expect(eventually { values("gen_ai_server_up{engine=\"llama.cpp\"}") == [1] })
        #expect(instrumentation.shutdown())
    }
}
