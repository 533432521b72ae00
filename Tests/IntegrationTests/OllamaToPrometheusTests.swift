#if os(Linux)
import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

extension BackendTests {
    @Test(
        "a real llama.cpp server as a runner of Ollama, under load, through instrument(), in a real Prometheus",
        Program.areThere(.prometheus),
        .enabled(if: LlamaCppServer.isAvailable, "needs LLAMACPP_PYTHON and LLAMACPP_SERVER")
    )
    func ollamaRunner() throws {
        let prometheus = try Prometheus()
        defer { prometheus.process.stop() }
        let file = "/models/blobs/sha256-\(UUID().uuidString)"
        let ollama = try SimulatedOllama([SimulatedOllama.Model("tiny:latest", file: file)])
        defer { ollama.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        let engine = try LlamaCppServer(childOf: parent, servingAs: file)
        let instrumentation = instrument(
            GenAIConfiguration(environment: [
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": prometheus.otlpEndpoint, "OTEL_METRIC_EXPORT_INTERVAL": "100",
                "OLLAMA_BASE_URL": ollama.url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.05", "GENAI_OLLAMA_MAX_VRAM_GB": "1",
            ])
        )
        let port = "server_port=\"\(ollama.server.port)\""
        let gauge = "{engine=\"ollama\",model=\"tiny:latest\",\(port)}"
        func value(_ expression: String) -> Double? {
            (try? prometheus.query(expression, by: "server_port"))?.values.first
        }
        func highest(_ metric: String) -> Double { value("max_over_time(\(metric)\(gauge)[10m])") ?? 0 }
        func tokens(_ type: String) -> Double {
            let labels =
                "gen_ai_provider_name=\"ollama\",gen_ai_request_model=\"tiny:latest\",gen_ai_token_type=\"\(type)\",\(port)"
            return value("gen_ai_server_tokens_total{\(labels)}") ?? 0
        }

        #expect(eventually(within: .seconds(60)) { value("gen_ai_server_requests_max\(gauge)") == 2 })
        #expect(eventually { value("gen_ai_server_requests_running\(gauge)") == 0 })
        let answered = try engine.load(2)
        #expect(answered.wait(until: .now + .seconds(120)) { $0 == 2 ? true : nil } == true)
        #expect(eventually { highest("gen_ai_server_requests_running") == 2 })
        #expect(eventually { highest("gen_ai_server_kv_cache_tokens") > 0 })
        #expect(highest("gen_ai_server_kv_cache_tokens") <= 2048)
        #expect(highest("gen_ai_server_kv_cache_size") == 2048)
        // The runner has been asked for 900 tokens twice, and counts once an answer is complete.
        #expect(eventually { tokens("output") >= 1_700 })
        #expect(tokens("output") <= 1_800)
        #expect(tokens("input") > 0)
        #expect(eventually { value("gen_ai_server_requests_running\(gauge)") == 0 })
        #expect(value("gen_ai_server_model_size_bytes\(gauge)") == 373_093_826)
        #expect(value("gen_ai_server_model_context_length\(gauge)") == 4096)
        #expect(highest("gen_ai_server_requests_waiting") == 0, "Ollama's own queue is not told")

        // Unloaded: its process ends, and it is no longer listed.
        parent.stop()
        ollama.load([])
        #expect(eventually { value("gen_ai_server_model_unloads_total\(gauge)") == 1 })
        #expect(eventually { value("gen_ai_server_kv_cache_tokens\(gauge)") == 0 })
        #expect(value("gen_ai_server_up{engine=\"ollama\",\(port)}") == 1)
        #expect(instrumentation.shutdown())
    }
}
#endif
