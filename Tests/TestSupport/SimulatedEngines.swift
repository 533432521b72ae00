// An Ollama and a serving engine that can be up or down, on loopback.

import Foundation
import GenAISupport

/// Answers as an Ollama with one model, as TensorRT-LLM, whose page tells all four gauges, and as a vLLM that is always up and
/// has counted more each time it is asked.
package final class SimulatedEngines: Sendable {
    private let ollama: LoopbackServer
    private let engine: LoopbackServer
    private let counting: LoopbackServer
    private let areUp: Locked<(ollama: Bool, engine: Bool)>

    package init(ollamaIsUp: Bool = true, engineIsUp: Bool = true) throws {
        let areUp = Locked((ollama: ollamaIsUp, engine: engineIsUp))
        self.areUp = areUp
        ollama = try LoopbackServer { _ in
            areUp.withLock { $0.ollama } ? .json(Self.loadedModels) : .text("", status: 503)
        }
        engine = try LoopbackServer { _ in
            areUp.withLock { $0.engine } ? .text(Self.metricsPage) : .text("", status: 503)
        }
        let polls = Locked(0)
        counting = try LoopbackServer { _ in
            .text(
                Self.countersPage(
                    polls.withLock { polls in
                        polls += 1
                        return polls
                    }
                )
            )
        }
    }

    /// The engine's port.
    package var enginePort: Int { engine.port }
    /// Ollama's port.
    package var ollamaPort: Int { ollama.port }

    package func setUp(ollama: Bool? = nil, engine: Bool? = nil) {
        areUp.withLock { state in
            if let ollama { state.ollama = ollama }
            if let engine { state.engine = engine }
        }
    }

    package func stop() {
        ollama.stop()
        engine.stop()
        counting.stop()
    }

    /// What makes a process poll them.
    package var environment: [String: String] {
        [
            "OLLAMA_BASE_URL": ollama.url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.1", "GENAI_OLLAMA_MAX_VRAM_GB": "8",
            "GENAI_SERVER_METRICS_TARGETS": "\(engine.url),\(counting.url)", "GENAI_SERVER_METRICS_INTERVAL": "0.1",
        ]
    }

    /// One model that fills 7.5 of 8 GiB: 93.75 %.
    private static let loadedModels = """
        {"models": [{"name": "qwen:7b", "model": "qwen:7b", "size": 8053063680, "size_vram": 8053063680}]}
        """

    /// TensorRT-LLM's, with one model.
    package static let metricsPage = """
        # TYPE trtllm_kv_cache_utilization gauge
        trtllm_kv_cache_utilization{model_name="mixtral"} 0.625
        # TYPE trtllm_num_requests_running gauge
        trtllm_num_requests_running{model_name="mixtral"} 5
        # TYPE trtllm_num_requests_waiting gauge
        trtllm_num_requests_waiting{model_name="mixtral"} 1
        # TYPE trtllm_max_num_active_requests gauge
        trtllm_max_num_active_requests{model_name="mixtral"} 20

        """

    /// vLLM's counters and histograms after so many polls.
    private static func countersPage(_ polls: Int) -> String {
        let counters = [
            "prompt_tokens": 100, "generation_tokens": 50, "prefix_cache_queries": 100, "prefix_cache_hits": 25,
            "num_preemptions": 1, "request_success": 2,
        ]
        let histograms = [
            "time_to_first_token_seconds", "request_time_per_output_token_seconds", "request_queue_time_seconds",
            "e2e_request_latency_seconds",
        ]
        let labels = #"engine="0",model_name="llama""#
        return counters.map { "vllm:\($0.key)_total{\(labels)} \($0.value * polls)\n" }.joined()
            + histograms.map { name in
                """
                vllm:\(name)_bucket{\(labels),le="0.1"} \(polls)
                vllm:\(name)_bucket{\(labels),le="1.0"} \(2 * polls)
                vllm:\(name)_bucket{\(labels),le="+Inf"} \(2 * polls)
                vllm:\(name)_sum{\(labels)} \(polls)
                vllm:\(name)_count{\(labels)} \(2 * polls)

                """
            }.joined()
    }
}
