// The table of engines. To add one, add a row here and a page of its metrics to the tests' fixtures.

extension Engine {
    /// All known engines. If a page matches several, the first with a figure wins.
    static let known: [Engine] = [vLLM, sgLang, tgi, llamaCpp, tensorRTLLM, triton, lmDeploy, nim]

    /// V1 engine (0.9.2 and later) and V0 engine (up to 0.10). 0.9.2 to 0.10.2 have both names of the KV usage.
    private static let vLLM = Engine(
        name: "vllm",
        recognition: .prefix("vllm:"),
        modelLabel: "model_name",
        replicaLabel: "engine",
        figures: [
            .kvCacheUsage: .ratio([["vllm:kv_cache_usage_perc"], ["vllm:gpu_cache_usage_perc"]]),
            .requestsRunning: .count(["vllm:num_requests_running"]),
            // In V0, requests that are swapped out to the CPU are waiting too.
            .requestsWaiting: .count(["vllm:num_requests_waiting", "vllm:num_requests_swapped"]),
        ]
    )

    private static let sgLang = Engine(
        name: "sglang",
        recognition: .prefix("sglang:"),
        modelLabel: "model_name",
        replicaLabel: "dp_rank",
        // Models with sliding-window layers have two pools; the fuller one limits requests.
        figures: [
            .kvCacheUsage: .ratio([["sglang:token_usage", "sglang:full_token_usage", "sglang:swa_token_usage"]]),
            .requestsRunning: .count(["sglang:num_running_reqs"]),
            .requestsWaiting: .count(["sglang:num_queue_reqs"]),
        ]
    )

    /// Text Generation Inference. The usage is what the batch has reserved. The second series exists since late 2024.
    private static let tgi = Engine(
        name: "tgi",
        recognition: .prefix("tgi_"),
        figures: [
            .kvCacheUsage: .quotient("tgi_batch_current_max_tokens", by: "tgi_batch_max_total_tokens"),
            .requestsRunning: .count(["tgi_batch_current_size"]),
            .requestsWaiting: .count(["tgi_queue_size"]),
        ],
        details: [.tgiInfo]
    )

    /// The metric of the usage was removed in 2025; since then it is computed from the slots.
    private static let llamaCpp = Engine(
        name: "llama.cpp",
        recognition: .prefix("llamacpp:"),
        figures: [
            .kvCacheUsage: .ratio([["llamacpp:kv_cache_usage_ratio"]]),
            .requestsRunning: .count(["llamacpp:requests_processing"]),
            .requestsWaiting: .count(["llamacpp:requests_deferred"]),
        ],
        details: [.llamaSlots, .llamaModels]
    )

    private static let tensorRTLLM = Engine(
        name: "tensorrt-llm",
        recognition: .prefix("trtllm_"),
        modelLabel: "model_name",
        figures: [
            .kvCacheUsage: .ratio([["trtllm_kv_cache_utilization"]]),
            .requestsRunning: .count(["trtllm_num_requests_running"]),
            .requestsWaiting: .count(["trtllm_num_requests_waiting"]),
            .requestsMax: .count(["trtllm_max_num_active_requests"]),
        ]
    )

    /// Triton Inference Server with the TensorRT-LLM backend: one metric, whose label tells what is counted.
    private static let triton = Engine(
        name: "triton",
        recognition: .prefix("nv_trt_llm_"),
        modelLabel: "model",
        figures: [
            .kvCacheUsage: .ratio([[Series("nv_trt_llm_kv_cache_block_metrics", "kv_cache_block_type", "fraction")]]),
            .requestsRunning: .count([Series("nv_trt_llm_request_metrics", "request_type", "scheduled")]),
            .requestsWaiting: .count([Series("nv_trt_llm_request_metrics", "request_type", "waiting")]),
            .requestsMax: .count([Series("nv_trt_llm_request_metrics", "request_type", "max")]),
        ]
    )

    /// Requests wait in the API server and in the engine.
    private static let lmDeploy = Engine(
        name: "lmdeploy",
        recognition: .prefix("lmdeploy:"),
        modelLabel: "model_name",
        figures: [
            .kvCacheUsage: .ratio([["lmdeploy:gpu_cache_usage_perc"]]),
            .requestsRunning: .count(["lmdeploy:num_requests_running"]),
            .requestsWaiting: .count(["lmdeploy:num_requests_waiting", "lmdeploy:num_api_requests_waiting"]),
        ]
    )

    /// NVIDIA NIM, on `/v1/metrics`: vLLM's names without their prefix.
    private static let nim = Engine(
        name: "nim",
        recognition: .metric("num_request_max"),
        modelLabel: "model_name",
        figures: [
            .kvCacheUsage: .ratio([["gpu_cache_usage_perc"]]),
            .requestsRunning: .count(["num_requests_running"]),
            .requestsWaiting: .count(["num_requests_waiting"]),
            .requestsMax: .count(["num_request_max"]),
        ]
    )
}
