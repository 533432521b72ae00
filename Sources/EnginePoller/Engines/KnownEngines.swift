// The table of engines. To add one, add a row here and a page of its metrics to the tests' fixtures.

extension Engine {
    /// All known engines. If a page matches several, the first with a figure wins.
    static let known: [Engine] = [
        vLLM, aphrodite, sgLang, tgi, llamaCpp, tensorRTLLM, triton, lmDeploy, dynamo, nim, bareTensorRTLLM,
    ]

    /// V1 engine (0.9.2 and later) and V0 engine (up to 0.10). 0.9.2 to 0.10.2 have both names of the KV usage.
    private static let vLLM = Engine(
        name: "vllm",
        prefix: "vllm_",
        figures: [
            .kvCacheUsage: .ratio(["kv_cache_usage_perc", "gpu_cache_usage_perc"]),
            .kvCacheSize: .labels("cache_config_info", [["kv_cache_size_tokens"], ["num_gpu_blocks", "block_size"]]),
            .requestsRunning: .sum(["num_requests_running"]),
            // In V0, requests that are swapped out to the CPU are waiting too.
            .requestsWaiting: .sum(["num_requests_waiting", "num_requests_swapped"]),
            .inputTokens: .sum(["prompt_tokens_total"]),
            .outputTokens: .sum(["generation_tokens_total"]),
            .prefixCacheQueries: .sum(["prefix_cache_queries_total"]),
            .prefixCacheHits: .sum(["prefix_cache_hits_total"]),
            .preemptions: .sum(["num_preemptions_total"]),
            .requestsSucceeded: .sum([
                Series("request_success_total", "finished_reason", otherThan: ["abort", "error"])
            ]),
            .requestsAborted: .sum([Series("request_success_total", "finished_reason", ["abort"])]),
            .requestsFailed: .sum([Series("request_success_total", "finished_reason", ["error"])]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .queueTime: .histogram(["request_queue_time_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram([
                "request_time_per_output_token_seconds", "inter_token_latency_seconds", "time_per_output_token_seconds",
            ]),
        ],
        version: EngineVersion(["/version"], "version")
    )

    /// A fork of vLLM, with vLLM's names.
    private static let aphrodite = Engine(
        name: "aphrodite",
        prefix: "aphrodite_",
        figures: vLLM.figures,
        version: vLLM.version
    )

    private static let sgLang = Engine(
        name: "sglang",
        prefix: "sglang_",
        figures: [
            // `token_usage` is rounded. Hybrid models have further pools; the fullest one limits requests.
            .kvCacheUsage: .ratio(["full_token_usage", "token_usage"], others: ["swa_token_usage", "mamba_usage"]),
            .kvCacheSize: .sum(["max_total_num_tokens"]),
            .kvCacheTokens: .sum(["num_used_tokens"]),
            .requestsRunning: .sum(["num_running_reqs"]),
            // With prefill and decode apart, requests also wait for the other side.
            .requestsWaiting: .sum([
                "num_queue_reqs", "num_prefill_bootstrap_queue_reqs", "num_prefill_prealloc_queue_reqs",
                "num_prefill_inflight_queue_reqs", "num_decode_prealloc_queue_reqs", "num_decode_transfer_queue_reqs",
            ]),
            .inputTokens: .sum(["prompt_tokens_total"]),
            .outputTokens: .sum(["generation_tokens_total"]),
            .prefixCacheQueries: .sum(["prompt_tokens_total"]),
            .prefixCacheHits: .sum(["cached_tokens_total"]),
            .preemptions: .sum(["num_retracted_requests_total"]),
            .requestsSucceeded: .sum(["num_requests_total"]),
            .requestsAborted: .sum(["num_aborted_requests_total"]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .queueTime: .histogram(["queue_time_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["request_time_per_output_token_seconds", "inter_token_latency_seconds"]),
        ],
        version: EngineVersion(["/server_info", "/get_server_info"], "version")
    )

    /// Text Generation Inference. The usage is what the batch has reserved. The second series exists since late 2024.
    private static let tgi = Engine(
        name: "tgi",
        prefix: "tgi_",
        figures: [
            .kvCacheUsage: .quotient("batch_current_max_tokens", by: "batch_max_total_tokens"),
            .requestsRunning: .sum(["batch_current_size"]),
            .requestsWaiting: .sum(["queue_size"]),
            .inputTokens: .sum(["request_input_length_sum"]),
            .outputTokens: .sum(["request_generated_tokens_sum"]),
            .requestsSucceeded: .sum(["request_success"]),
            .requestsFailed: .sum(["request_failure"]),
            .requestDuration: .histogram(["request_duration"]),
            .queueTime: .histogram(["request_queue_duration"]),
            .timePerOutputToken: .histogram(["request_mean_time_per_token_duration"]),
        ],
        details: [.tgiInfo],
        version: EngineVersion(["/info"], "version")
    )

    /// The metrics of the cache were removed in 2025; since then they are computed from the slots.
    static let llamaCpp = Engine(
        name: "llama.cpp",
        prefix: "llamacpp_",
        figures: [
            .kvCacheUsage: .ratio(["kv_cache_usage_ratio"]),
            .kvCacheTokens: .sum(["kv_cache_tokens"]),
            .requestsRunning: .sum(["requests_processing"]),
            .requestsWaiting: .sum(["requests_deferred"]),
            .inputTokens: .sum(["prompt_tokens_total", "prompt_tokens_cached_total"]),
            .outputTokens: .sum(["tokens_predicted_total"]),
            .prefixCacheQueries: .sumOfAll(["prompt_tokens_total", "prompt_tokens_cached_total"]),
            .prefixCacheHits: .sum(["prompt_tokens_cached_total"]),
        ],
        details: [.llamaProps, .llamaSlots, .llamaModels],
        version: EngineVersion(["/props"], "build_info")
    )

    private static let tensorRTLLM = Engine(
        name: "tensorrt-llm",
        prefix: "trtllm_",
        figures: [
            .kvCacheUsage: .ratio(["kv_cache_utilization"]),
            .kvCacheSize: .product("kv_cache_max_blocks", "kv_cache_tokens_per_block"),
            .requestsRunning: .sum(["num_requests_running"]),
            .requestsWaiting: .sum(["num_requests_waiting"]),
            .requestsMax: .sum(["max_num_active_requests"]),
            .inputTokens: .sum(["prompt_tokens_total"]),
            .outputTokens: .sum(["generation_tokens_total"]),
            .prefixCacheQueries: .sum(["prompt_tokens_total"]),
            .prefixCacheHits: .sum(["prompt_cached_tokens_total"]),
            .requestsSucceeded: .sum([
                Series("request_success_total", "finished_reason", otherThan: ["abort", "error"])
            ]),
            .requestsAborted: .sum([Series("request_success_total", "finished_reason", ["abort"])]),
            .requestsFailed: .sum([
                "request_error_total", Series("request_success_total", "finished_reason", ["error"]),
            ]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .queueTime: .histogram(["request_queue_time_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["time_per_output_token_seconds"]),
        ],
        version: EngineVersion(["/version"], "version")
    )

    /// Triton Inference Server. With the TensorRT-LLM backend, one metric has a label that tells what is counted.
    private static let triton = Engine(
        name: "triton",
        prefix: "nv_",
        marks: ["nv_trt_llm_", "nv_inference_"],
        figures: [
            .kvCacheUsage: .ratio([Series("trt_llm_kv_cache_block_metrics", "kv_cache_block_type", ["fraction"])]),
            .kvCacheSize: .product(
                Series("trt_llm_kv_cache_block_metrics", "kv_cache_block_type", ["max"]),
                Series("trt_llm_kv_cache_block_metrics", "kv_cache_block_type", ["tokens_per"])
            ),
            .kvCacheTokens: .product(
                Series("trt_llm_kv_cache_block_metrics", "kv_cache_block_type", ["used"]),
                Series("trt_llm_kv_cache_block_metrics", "kv_cache_block_type", ["tokens_per"])
            ),
            .requestsRunning: .sum([Series("trt_llm_request_metrics", "request_type", ["scheduled"])]),
            .requestsWaiting: .sum([Series("trt_llm_request_metrics", "request_type", ["waiting"])]),
            .requestsMax: .sum([Series("trt_llm_request_metrics", "request_type", ["max"])]),
            .timeToFirstToken: .histogram(["inference_first_response_histogram_ms"], divisor: 1000),
        ]
    )

    /// Requests wait in the API server and in the engine; both are counted.
    private static let lmDeploy = Engine(
        name: "lmdeploy",
        prefix: "lmdeploy_",
        figures: [
            .kvCacheUsage: .ratio(["gpu_cache_usage_perc"]),
            .requestsRunning: .sum(["num_requests_running"]),
            .requestsWaiting: .sum(["num_requests_waiting", "num_api_requests_waiting"]),
            .inputTokens: .sum(["prompt_tokens_total"]),
            .outputTokens: .sum(["generation_tokens_total"]),
            .prefixCacheQueries: .sum(["prompt_tokens_total"]),
            .prefixCacheHits: .sum(["cached_tokens_total"]),
            .requestsSucceeded: .sum([Series("request_success_total", "finished_reason", lmDeploySuccesses)]),
            .requestsAborted: .sum([Series("request_success_total", "finished_reason", lmDeployAborts)]),
            .requestsFailed: .sum([
                Series("request_success_total", "finished_reason", otherThan: lmDeploySuccesses.union(lmDeployAborts))
            ]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .queueTime: .histogram(["request_queue_time_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["time_per_output_token_seconds"]),
        ]
    )

    /// LMDeploy's reasons are the names of an enumeration, with or without the name of its type.
    private static let lmDeploySuccesses: Set = [
        "ResponseType.SUCCESS", "ResponseType.FINISH", "SUCCESS", "FINISH", "stop", "length",
    ]
    private static let lmDeployAborts: Set = ["ResponseType.CANCEL", "CANCEL", "abort"]

    /// The front end of NVIDIA Dynamo. Its workers' pages are those of their engines.
    private static let dynamo = Engine(
        name: "dynamo",
        prefix: "dynamo_frontend_",
        figures: [
            .requestsRunning: .difference("inflight_requests", "queued_requests"),
            .requestsWaiting: .sum(["queued_requests"]),
            .inputTokens: .sum(["input_sequence_tokens_sum"]),
            .outputTokens: .sum(["output_tokens_total"]),
            .requestDuration: .histogram(["request_duration_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["inter_token_latency_seconds"]),
        ]
    )

    /// NVIDIA NIM 1.x, on `/v1/metrics`: names without a prefix. NIM 2.x has the page of its engine.
    private static let nim = Engine(
        name: "nim",
        prefix: "",
        marks: ["num_request_max"],
        figures: [
            .kvCacheUsage: .ratio(["gpu_cache_usage_perc"]),
            .requestsRunning: .sum(["num_requests_running"]),
            .requestsWaiting: .sum(["num_requests_waiting"]),
            .requestsMax: .sum(["num_request_max"]),
            .inputTokens: .sum(["prompt_tokens_total"]),
            .outputTokens: .sum(["generation_tokens_total"]),
            .requestsSucceeded: .sum(["request_success_total"]),
            .requestsFailed: .sum(["request_failure_total"]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["time_per_output_token_seconds"]),
        ],
        version: EngineVersion(["/v1/version"], "release")
    )

    /// TensorRT-LLM 1.0 and 1.1, whose names have no prefix and tell neither the cache nor the running requests.
    private static let bareTensorRTLLM = Engine(
        name: "tensorrt-llm",
        prefix: "",
        marks: ["e2e_request_latency_seconds"],
        figures: [
            .requestsSucceeded: .sum([Series("request_success_total", "finish_reason", otherThan: ["abort", "error"])]),
            .requestsAborted: .sum([Series("request_success_total", "finish_reason", ["abort"])]),
            .requestsFailed: .sum([Series("request_success_total", "finish_reason", ["error"])]),
            .requestDuration: .histogram(["e2e_request_latency_seconds"]),
            .queueTime: .histogram(["request_queue_time_seconds"]),
            .timeToFirstToken: .histogram(["time_to_first_token_seconds"]),
            .timePerOutputToken: .histogram(["time_per_output_token_seconds"]),
        ],
        version: tensorRTLLM.version
    )
}
