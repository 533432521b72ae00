// The table of engines. To add one, add a row here and a page of its metrics to the tests' fixtures.

extension Engine {
    /// All engines that can be recognised. Where a page has marks of several, the first with a figure wins.
    static let known: [Engine] = [vLLM, sgLang, tgi, llamaCpp, tensorRTLLM, triton, lmDeploy, nim]

    /// V1 engine (0.9.2 and later) and V0 engine (to 0.10); 0.9.2 to 0.10.2 show both names of the KV usage.
    private static let vLLM = Engine(
        name: "vllm",
        mark: .prefix("vllm:"),
        modelLabel: "model_name",
        replicaLabel: "engine",
        kvUsage: .ratio([["vllm:kv_cache_usage_perc"], ["vllm:gpu_cache_usage_perc"]]),
        running: ["vllm:num_requests_running"],
        // A request of V0 that was swapped out to the CPU waits for its turn like one that has not begun.
        waiting: ["vllm:num_requests_waiting", "vllm:num_requests_swapped"]
    )

    private static let sgLang = Engine(
        name: "sglang",
        mark: .prefix("sglang:"),
        modelLabel: "model_name",
        replicaLabel: "dp_rank",
        // Models with sliding-window layers have two pools; the fuller one holds requests back.
        kvUsage: .ratio([["sglang:token_usage", "sglang:full_token_usage", "sglang:swa_token_usage"]]),
        running: ["sglang:num_running_reqs"],
        waiting: ["sglang:num_queue_reqs"]
    )

    /// Text Generation Inference. The usage is what the batch has reserved; the second series came in late 2024.
    private static let tgi = Engine(
        name: "tgi",
        mark: .prefix("tgi_"),
        kvUsage: .quotient("tgi_batch_current_max_tokens", by: "tgi_batch_max_total_tokens"),
        running: ["tgi_batch_current_size"],
        waiting: ["tgi_queue_size"],
        details: [.tgiInfo]
    )

    /// The usage's own metric was removed in 2025; since then it is worked out from the slots.
    private static let llamaCpp = Engine(
        name: "llama.cpp",
        mark: .prefix("llamacpp:"),
        kvUsage: .ratio([["llamacpp:kv_cache_usage_ratio"]]),
        running: ["llamacpp:requests_processing"],
        waiting: ["llamacpp:requests_deferred"],
        details: [.llamaSlots, .llamaModels]
    )

    private static let tensorRTLLM = Engine(
        name: "tensorrt-llm",
        mark: .prefix("trtllm_"),
        modelLabel: "model_name",
        kvUsage: .ratio([["trtllm_kv_cache_utilization"]]),
        running: ["trtllm_num_requests_running"],
        waiting: ["trtllm_num_requests_waiting"],
        max: ["trtllm_max_num_active_requests"]
    )

    /// Triton Inference Server with the TensorRT-LLM backend: one metric, told apart by a label.
    private static let triton = Engine(
        name: "triton",
        mark: .prefix("nv_trt_llm_"),
        modelLabel: "model",
        kvUsage: .ratio([[Series("nv_trt_llm_kv_cache_block_metrics", "kv_cache_block_type", "fraction")]]),
        running: [Series("nv_trt_llm_request_metrics", "request_type", "scheduled")],
        waiting: [Series("nv_trt_llm_request_metrics", "request_type", "waiting")],
        max: [Series("nv_trt_llm_request_metrics", "request_type", "max")]
    )

    /// Requests wait in the API server and in the engine.
    private static let lmDeploy = Engine(
        name: "lmdeploy",
        mark: .prefix("lmdeploy:"),
        modelLabel: "model_name",
        kvUsage: .ratio([["lmdeploy:gpu_cache_usage_perc"]]),
        running: ["lmdeploy:num_requests_running"],
        waiting: ["lmdeploy:num_requests_waiting", "lmdeploy:num_api_requests_waiting"]
    )

    /// NVIDIA NIM, on `/v1/metrics`: vLLM's names without their prefix.
    private static let nim = Engine(
        name: "nim",
        mark: .metric("num_request_max"),
        modelLabel: "model_name",
        kvUsage: .ratio([["gpu_cache_usage_perc"]]),
        running: ["num_requests_running"],
        waiting: ["num_requests_waiting"],
        max: ["num_request_max"]
    )
}
