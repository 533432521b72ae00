// An Ollama and a serving engine that can be up or down, on loopback.

import Foundation
import GenAISupport

/// Answers as an Ollama with one model, and as TensorRT-LLM, whose page tells all four figures.
package final class SimulatedEngines: Sendable {
    private let ollama: LoopbackServer
    private let engine: LoopbackServer
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
    }

    /// What makes a process poll them.
    package var environment: [String: String] {
        [
            "OLLAMA_BASE_URL": ollama.url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.1", "GENAI_OLLAMA_MAX_VRAM_GB": "8",
            "GENAI_SERVER_METRICS_TARGETS": engine.url, "GENAI_SERVER_METRICS_INTERVAL": "0.1",
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
}
