import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Everything that the engines tell", .blocking)
struct EngineFiguresTests {
    /// What a page gives, a line each.
    private static func lines(_ page: EnginePage) -> [String] {
        [page.engine.name]
            + page.models.flatMap { model in
                ["model \(model.model ?? "-")"] + model.figures.elements.map { "\($0.figure) \(text($0.value))" }
            }
    }

    private static func text(_ value: FigureValue) -> String {
        switch value {
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        case .histogram(let histogram):
            "\(histogram.count) values, sum \(histogram.sum), \(histogram.bounds.count) bounds "
                + "\(histogram.bounds.first ?? .nan) to \(histogram.bounds.last ?? .nan)"
        }
    }

    private static let expected = [
        "vllm-0.32.0-dp2-busy.txt": """
        vllm
        model Org/Tiny-Llama
        kvCacheUsage 69.56521739130434
        kvCacheSize 6144
        requestsRunning 8
        requestsWaiting 8
        inputTokens 3844
        outputTokens 3173
        prefixCacheQueries 3844
        prefixCacheHits 0
        preemptions 0
        requestsSucceeded 8
        requestsAborted 0
        requestsFailed 0
        requestDuration 8 values, sum 41.29670786857605, 21 bounds 0.3 to 7680.0
        queueTime 8 values, sum 0.0007140470006561372, 21 bounds 0.3 to 7680.0
        timeToFirstToken 16 values, sum 43.25262522697449, 22 bounds 0.001 to 2560.0
        timePerOutputToken 8 values, sum 0.19831494656280746, 19 bounds 0.01 to 80.0
        """,
        "vllm-0.32.0-preempt-last.txt": """
        vllm
        model Org/Tiny-Llama
        kvCacheUsage 78.26086956521739
        kvCacheSize 3072
        requestsRunning 2
        requestsWaiting 0
        inputTokens 7830
        outputTokens 5995
        prefixCacheQueries 7830
        prefixCacheHits 0
        preemptions 2
        requestsSucceeded 28
        requestsAborted 0
        requestsFailed 0
        requestDuration 28 values, sum 60.1728880405426, 21 bounds 0.3 to 7680.0
        queueTime 28 values, sum 14.082885225006976, 21 bounds 0.3 to 7680.0
        timeToFirstToken 30 values, sum 15.485340595245361, 22 bounds 0.001 to 2560.0
        timePerOutputToken 28 values, sum 0.27393423228804464, 19 bounds 0.01 to 80.0
        """,
        "vllm-0.8.5-busy.txt": """
        vllm
        model acme/tiny-llama
        kvCacheUsage 64.58333333333333
        kvCacheSize 3072
        requestsRunning 4
        requestsWaiting 8
        inputTokens 384
        outputTokens 1556
        preemptions 0
        timeToFirstToken 4 values, sum 0.42877793312072754, 22 bounds 0.001 to 2560.0
        timePerOutputToken 1552 values, sum 4.383625030517578, 19 bounds 0.01 to 80.0
        """,
        "vllm-0.32.0-under-ray-busy.txt": """
        vllm
        model Org/Tiny-Llama
        kvCacheUsage 26.086956521739136
        requestsRunning 2
        requestsWaiting 6
        inputTokens 6080
        outputTokens 15198
        prefixCacheQueries 6080
        requestsSucceeded 74
        requestDuration 74 values, sum 399.0, 21 bounds 0.3 to 7680.0
        queueTime 74 values, sum 204.1, 21 bounds 0.3 to 7680.0
        timeToFirstToken 76 values, sum 194.16, 22 bounds 0.001 to 2560.0
        timePerOutputToken 74 values, sum 0.9700000000000004, 19 bounds 0.01 to 80.0
        """,
        "sglang-0.5.23-dp2-busy.txt": """
        sglang
        model Org/Tiny
        kvCacheUsage 66.650390625
        kvCacheSize 4096
        kvCacheTokens 2730
        requestsRunning 8
        requestsWaiting 8
        inputTokens 30
        outputTokens 16
        prefixCacheQueries 30
        requestsSucceeded 2
        requestDuration 2 values, sum 0.6971708510009194, 22 bounds 0.1 to 2400.0
        queueTime 10 values, sum 0.02693556600024749, 40 bounds 0.0 to 3000.0
        timeToFirstToken 10 values, sum 1.737561858330082, 18 bounds 0.1 to 400.0
        timePerOutputToken 2 values, sum 0.05011144175270082, 23 bounds 0.002 to 8.0
        """,
        "sglang-0.5.23-busy.txt": """
        sglang
        model /models/tiny
        kvCacheUsage 88.671875
        kvCacheSize 2048
        kvCacheTokens 1816
        requestsRunning 4
        requestsWaiting 12
        inputTokens 1854
        outputTokens 2013
        prefixCacheQueries 1854
        prefixCacheHits 7
        requestsSucceeded 10
        requestDuration 10 values, sum 50.69157783999799, 22 bounds 0.1 to 2400.0
        queueTime 15 values, sum 49.67648672899122, 40 bounds 0.0 to 3000.0
        timeToFirstToken 14 values, sum 51.09084665836599, 18 bounds 0.1 to 400.0
        timePerOutputToken 10 values, sum 0.1530855496029672, 23 bounds 0.002 to 8.0
        """,
        "llamacpp-b11669-busy.txt": """
        llama.cpp
        model -
        requestsRunning 2
        requestsWaiting 4
        inputTokens 2772
        outputTokens 7000
        prefixCacheQueries 2772
        prefixCacheHits 0
        """,
        // Without the cached tokens, nobody knows how many were looked for.
        "llamacpp-b9713-busy.txt": """
        llama.cpp
        model -
        requestsRunning 2
        requestsWaiting 4
        inputTokens 924
        outputTokens 1586
        """,
        "triton-2.51.0-busy.txt": "triton",
        "tensorrt-llm-without-prefix.txt": """
        tensorrt-llm
        model -
        requestsSucceeded 2
        requestDuration 2 values, sum 3.4878239994868636, 1 bounds 0.3 to 0.3
        """,
        "vllm-underscore.txt": """
        vllm
        model acme/m
        kvCacheUsage 25.0
        requestsRunning 5
        requestsWaiting 2
        """,
        "ray-vllm-colon.txt": """
        vllm
        model acme/llama-70b
        kvCacheUsage 25.0
        requestsRunning 5
        requestsWaiting 2
        """,
        "ray-vllm-underscore.txt": """
        vllm
        model acme/llama-70b
        kvCacheUsage 50.0
        requestsRunning 8
        requestsWaiting 2
        """,
        "ray-sglang-underscore.txt": """
        sglang
        model acme/qwen
        kvCacheUsage 50.0
        requestsRunning 5
        requestsWaiting 2
        """,
        "sglang-pd-decode.txt": """
        sglang
        model acme/q
        kvCacheUsage 99.0
        requestsRunning 16
        requestsWaiting 43
        """,
        "production-stack-router.txt": """
        vllm
        model -
        requestsRunning 16
        requestsWaiting 5
        """,
        "llama-swap-exporter.txt": """
        llama.cpp
        model gemma
        requestsRunning 2
        requestsWaiting 4
        model qwen
        requestsRunning 1
        requestsWaiting 0
        """,
        "made-vllm-federated.txt": """
        vllm
        model acme/a
        requestsRunning 6
        outputTokens 140
        timeToFirstToken 11 values, sum 18.5, 3 bounds 0.1 to 10.0
        model acme/b
        requestsRunning 1
        outputTokens 7
        """,
        "made-dynamo-busy.txt": """
        dynamo
        model acme/dynamo
        requestsRunning 7
        requestsWaiting 5
        inputTokens 4321
        outputTokens 987
        requestDuration 9 values, sum 27.5, 2 bounds 1.0 to 10.0
        timeToFirstToken 9 values, sum 3.25, 2 bounds 0.5 to 2.0
        timePerOutputToken 978 values, sum 21.5, 1 bounds 0.05 to 0.05
        """,
        "made-aphrodite-busy.txt": """
        aphrodite
        model acme/hera
        kvCacheUsage 37.5
        requestsRunning 3
        requestsWaiting 1
        inputTokens 640
        outputTokens 1280
        requestDuration 5 values, sum 12.5, 1 bounds 1.0 to 1.0
        """,
    ]

    @Test("a page in the wild", arguments: expected.keys.sorted())
    func page(name: String) throws {
        let page = try #require(EnginePage(try Fixture.bytes(name)))
        #expect(Self.lines(page) == Self.expected[name]?.split(separator: "\n").map(String.init))
    }

    @Test("what was not started to tell is none of a known engine")
    func withoutStatistics() throws {
        #expect(EnginePage(try Fixture.bytes("vllm-0.32.0-disable-log-stats.txt")) == nil)
    }

    private func read(_ text: String) throws -> ModelReading {
        try #require(EnginePage(Array(text.utf8))?.models.first)
    }

    @Test("a histogram's buckets are differences, in the order of their bounds, with the rest in the last")
    func buckets() throws {
        let federated = try #require(EnginePage(try Fixture.bytes("made-vllm-federated.txt"))?.models.first)
        #expect(
            federated.timeToFirstToken
                == HistogramReading(bounds: [0.1, 1, 10], bucketCounts: [3, 6, 1, 1], sum: 18.5)
        )
        let withoutLast = """
            tgi_request_duration_bucket{le="0.5"} 2
            tgi_request_duration_bucket{le="1"} 5
            tgi_request_duration_sum 9
            tgi_request_duration_count 7
            """
        #expect(
            try read(withoutLast).requestDuration
                == HistogramReading(bounds: [0.5, 1], bucketCounts: [2, 3, 2], sum: 9)
        )
    }

    @Test("milliseconds become seconds")
    func milliseconds() throws {
        let page = """
            nv_inference_first_response_histogram_ms_bucket{model="m",version="1",le="100"} 3
            nv_inference_first_response_histogram_ms_bucket{model="m",version="1",le="5000"} 4
            nv_inference_first_response_histogram_ms_bucket{model="m",version="1",le="+Inf"} 4
            nv_inference_first_response_histogram_ms_sum{model="m",version="1"} 1500
            nv_inference_first_response_histogram_ms_count{model="m",version="1"} 4
            """
        #expect(
            try read(page).timeToFirstToken == HistogramReading(bounds: [0.1, 5], bucketCounts: [3, 1, 0], sum: 1.5)
        )
    }

    @Test(
        "what is no histogram is left out, and nothing else",
        arguments: [
            #"_bucket{le="1"} 5\#n_bucket{le="2"} 4\#n_bucket{le="+Inf"} 6\#n_sum 3"#,
            #"_bucket{le="1"} 5\#n_bucket{le="2"} 6\#n_sum 3"#,
            #"_bucket{le="1"} 5\#n_bucket{le="+Inf"} 6"#,
            #"_bucket{le="one"} 5\#n_bucket{le="+Inf"} 6\#n_sum 3"#,
            #"_bucket 5\#n_bucket{le="+Inf"} 6\#n_sum 3"#,
            #"_bucket{le="1"} 5\#n_bucket{le="+Inf"} 6\#n_sum NaN"#,
        ]
    )
    func broken(lines: String) throws {
        let page = lines.split(separator: "\n").map { "vllm:e2e_request_latency_seconds\($0)" }.joined(separator: "\n")
        let model = try read(page + "\nvllm:num_requests_running 4")
        #expect(model.requestDuration == nil)
        #expect(model.requestsRunning == 4)
    }

    @Test("where a version lacks a histogram, the one that is nearest takes its place")
    func alternatives() throws {
        func histogram(_ name: String, _ count: Int) -> String {
            "\(name)_bucket{le=\"+Inf\"} \(count)\n\(name)_sum \(count)\n"
        }
        let older = histogram("sglang:inter_token_latency_seconds", 400)
        #expect(try read(older).timePerOutputToken?.count == 400)
        let both = older + histogram("sglang:request_time_per_output_token_seconds", 2)
        #expect(try read(both).timePerOutputToken?.count == 2)
    }

    // MARK: - Merging

    @Test("views of one replica are merged by the maximum, parts are added up, and everything else is another replica")
    func labels() throws {
        let page = """
            sglang:prompt_tokens_total{dp_rank="0",is_streaming="false",tp_rank="0"} 10
            sglang:prompt_tokens_total{dp_rank="0",is_streaming="false",tp_rank="1"} 11
            sglang:prompt_tokens_total{dp_rank="0",is_streaming="true",tp_rank="0"} 100
            sglang:prompt_tokens_total{dp_rank="1",is_streaming="true",tp_rank="0"} 1000
            sglang:num_queue_reqs{dp_rank="0",priority=""} 7
            sglang:num_queue_reqs{dp_rank="0",priority="1"} 4
            sglang:num_queue_reqs{dp_rank="0",priority="2"} 3
            sglang:num_running_reqs{moe_ep_rank="0",pid="7",pp_rank="0"} 5
            sglang:num_running_reqs{moe_ep_rank="1",pid="8",pp_rank="1"} 6
            """
        let model = try read(page)
        #expect(model.inputTokens == 1111)
        #expect(model.requestsWaiting == 7)
        #expect(model.requestsRunning == 6)
        #expect(model.replicas.map(\.name) == ["dp_rank=0", "dp_rank=1"])
        #expect(model.replicas.map { $0.figures[int: .inputTokens] } == [111, 1000])
    }

    @Test("reasons tell requests that ended well from the others")
    func reasons() throws {
        func page(_ metric: String, _ label: String, _ counts: KeyValuePairs<String, Int>) -> String {
            counts.map { "\(metric){\(label)=\"\($0.key)\"} \($0.value)\n" }.joined()
        }
        func figures(_ text: String) throws -> [Int?] {
            let model = try read(text)
            return [model.requestsSucceeded, model.requestsAborted, model.requestsFailed]
        }
        let reasons: KeyValuePairs = ["stop": 1, "length": 10, "repetition": 100, "abort": 1000, "error": 10_000]
        #expect(try figures(page("vllm:request_success_total", "finished_reason", reasons)) == [111, 1000, 10_000])
        #expect(
            try figures(
                page("trtllm_request_success_total", "finished_reason", reasons) + "trtllm_request_error_total 5"
            )
                == [111, 1000, 10_005]
        )
        #expect(
            try figures(
                page(
                    "lmdeploy:request_success_total",
                    "finished_reason",
                    [
                        "ResponseType.SUCCESS": 1, "ResponseType.FINISH": 10, "ResponseType.CANCEL": 100,
                        "ResponseType.OUT_OF_MEMORY": 1000, "ResponseType.NO_QUEUE": 10_000,
                    ]
                )
            ) == [11, 100, 11_000]
        )
        #expect(try figures("sglang:num_requests_total 8\nsglang:num_aborted_requests_total 2") == [8, 2, nil])
        #expect(
            try figures(
                "tgi_request_success 9\n" + page("tgi_request_failure", "err", ["validation": 2, "overloaded": 3])
            )
                == [9, nil, 5]
        )
    }

    @Test("replicas whose histograms have different bounds have none together")
    func differentBounds() throws {
        func histogram(_ engine: Int, _ bound: Double) -> String {
            """
            vllm:e2e_request_latency_seconds_bucket{engine="\(engine)",le="\(bound)"} 1
            vllm:e2e_request_latency_seconds_bucket{engine="\(engine)",le="+Inf"} 2
            vllm:e2e_request_latency_seconds_sum{engine="\(engine)"} 3
            vllm:generation_tokens_total{engine="\(engine)"} 7

            """
        }
        let model = try read(histogram(0, 1) + histogram(1, 2))
        #expect(model.requestDuration == nil)
        #expect(model.outputTokens == 14)
        #expect(model.replicas.allSatisfy { $0.figures[.requestDuration] == nil })
        #expect(try read(histogram(0, 1) + histogram(1, 1)).requestDuration?.bucketCounts == [2, 2])
    }

    @Test("several models on a page of any engine, by `model_name` or `model`", arguments: ["model_name", "model"])
    func models(label: String) throws {
        for (metric, engine) in [("vllm:num_requests_running", "vllm"), ("llamacpp:requests_processing", "llama.cpp")] {
            let text = "\(metric){\(label)=\"b\",version=\"1\"} 3\n\(metric){\(label)=\"a\"} 4\n"
            let page = try #require(EnginePage(Array(text.utf8)))
            #expect(page.engine.name == engine)
            #expect(page.models.map(\.model) == ["b", "a"])
            #expect(page.models.map(\.requestsRunning) == [3, 4])
        }
    }

    @Test("the capacity of the cache, of the only model though it is not named")
    func capacity() throws {
        let names = [
            "num_gpu_blocks=\"192\",block_size=\"16\"",
            "kv_cache_size_tokens=\"1000\",num_gpu_blocks=\"9\",block_size=\"1\"",
        ]
        for (labels, size) in zip(names, [3072, 1000]) {
            let info = "vllm:cache_config_info{\(labels)} 1\n"
            let model = try read(info + "vllm:num_requests_running{model_name=\"m\"} 1\n")
            #expect(model.model == "m")
            #expect(model.kvCacheSize == size)
        }
        #expect(
            try read("vllm:num_requests_running 1\nvllm:cache_config_info{num_gpu_blocks=\"None\"} 1").kvCacheSize
                == nil
        )
        #expect(try read("trtllm_kv_cache_max_blocks 10\ntrtllm_kv_cache_tokens_per_block 32").kvCacheSize == 320)
    }

    @Test("the exact usage of SGLang's fullest pool counts, or the rounded one where there is no other")
    func pools() throws {
        func usage(_ lines: KeyValuePairs<String, Double>) throws -> Double? {
            try read(lines.map { "sglang:\($0.key) \($0.value)\n" }.joined()).kvCacheUsage
        }
        #expect(try usage(["token_usage": 0.5, "full_token_usage": 0.25, "swa_token_usage": 0.125]) == 25)
        #expect(try usage(["token_usage": 0.5, "swa_token_usage": 0.75]) == 75)
        #expect(try usage(["token_usage": 0.5, "full_token_usage": 0.25, "mamba_usage": 0.875]) == 87.5)
        #expect(try usage(["token_usage": 0.5]) == 50)
    }

    // MARK: - Starts

    @Test("counting began at the earliest `_created` of the replica, or with its process")
    func starts() throws {
        let page = """
            process_start_time_seconds 1000
            vllm:prompt_tokens_total{engine="0"} 1
            vllm:prompt_tokens_created{engine="0"} 1500.5
            vllm:e2e_request_latency_seconds_created{engine="0"} 1400
            vllm:prompt_tokens_total{engine="1"} 1
            """
        #expect(try read(page).replicas.map { $0.startTime?.timeIntervalSince1970 } == [1400, 1000])
        let federated = try #require(EnginePage(try Fixture.bytes("made-vllm-federated.txt")))
        #expect(
            federated.models.flatMap(\.replicas).map { $0.startTime?.timeIntervalSince1970 } == [1.7e9, 1.70001e9, nil]
        )
    }
}
