import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

extension BackendTests {
    /// Scraped in one answer with the engine's page, the forwarded figures have their samples at the same instants, so that
    /// quantiles and rates are equal but for the order in which numbers are added up. Over OTLP a sample is some milliseconds
    /// later, by which rates differ.
    @Test(
        "quantiles and rates of forwarded figures are those of the engine's own page, before, through and after a restart",
        Program.areThere(.prometheus),
        arguments: ["vllm-0.32.0-busy.txt", "vllm-0.32.0-dp2-busy.txt"]
    )
    func replayedEngine(fixture: String) throws {
        let engine = try ReplayedEngine(fixture)
        defer { engine.stop() }
        let prometheus = try Prometheus(
            configuration: """
                global: {scrape_interval: 400ms, scrape_timeout: 400ms}
                scrape_configs:
                - {job_name: scraped, metrics_path: /both, static_configs: [{targets: ["127.0.0.1:\(engine.port)"]}]}
                """,
            files: [:]
        )
        defer { prometheus.process.stop() }
        let instrumentation = instrument(
            GenAIConfiguration(environment: [
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": prometheus.otlpEndpoint, "OTEL_SERVICE_NAME": "pushed",
                "GENAI_SERVER_METRICS_TARGETS": engine.url, "GENAI_SERVER_METRICS_INTERVAL": "0.02",
                "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_ENABLE_GPU_METRICS": "false",
            ])
        )
        defer { instrumentation.shutdown() }
        engine.begin(instrumentation)

        let start = Date().timeIntervalSince1970.rounded() - 3_600
        let before = try [3, 4, 5, 6].map { try engine.show($0, startedAt: start) }
        let after = try [1, 2, 3].map { try engine.show($0, startedAt: start + 3_599) }
        // A sample is there some time after it was taken.
        let isThere = eventually {
            (try? prometheus.query("timestamp(vllm:num_requests_running)", by: "engine").values.max() ?? 0 > after[2])
                == true
        }
        #expect(isThere)

        // Not from the first page on: where an engine does not tell its start, what is forwarded begins with 0 there, and
        // Prometheus then estimates nothing before it.
        let spans = [(before[1], before[3]), (before[2], before[3]), (before[1], after[2]), (after[0], after[2])]
        for (first, last) in spans {
            // From amid the samples of the first page to right after the last sample of the last one: at each end, those that
            // were scraped and those that were pushed at one moment are both in it or both out.
            let window = "[\(Int((last - first + 0.6) * 1_000))ms]"
            for (own, forwarded) in ReplayedEngine.pairs(window) {
                func value(_ expression: String) throws -> Double {
                    let values = try prometheus.query(expression, by: "", at: last)
                    return try #require(values.count == 1 ? values[""] : nil, "\(expression): \(values)")
                }
                let expected = try value(own)
                #expect(expected > 0, "\(own)")
                #expect(abs(try value(forwarded("scraped")) / expected - 1) < 1e-9, "\(forwarded("scraped"))")
                #expect(abs(try value(forwarded("pushed")) / expected - 1) < 0.02, "\(forwarded("pushed"))")
            }
        }
        for job in ["scraped", "pushed"] {
            let resets = "sum by (gen_ai_token_type) (resets(gen_ai_server_tokens_total{job=\"\(job)\"}[5m]))"
            #expect(try prometheus.query(resets, by: "gen_ai_token_type") == ["input": 1, "output": 1])
        }
        #expect(instrumentation.shutdown())
    }
}

/// A recorded page of vLLM whose numbers grow, and fall when it starts anew.
///
/// Its `/metrics` is the page; its `/both` has what was forwarded of that page, too, and exports it at once.
private final class ReplayedEngine: Sendable {
    private struct State {
        var page = ""
        var polls = 0
        var both = ""
        var scrapes = 0
        var instrumentation: GenAIInstrumentation?
    }

    private let original: [Substring]
    private let state: Monitor<State>
    /// Held while what is polled and what is scraped are not the same page.
    private let changing: Locked<Void>
    private let server: LoopbackServer

    init(_ fixture: String) throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../EnginePollerTests/Fixtures/\(fixture)")
        original = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
        let (state, changing) = (Monitor(State()), Locked(()))
        (self.state, self.changing) = (state, changing)
        server = try LoopbackServer(keepsRequests: false) { request in
            guard request.target == "/both" else {
                return state.mutate { state in
                    state.polls += 1
                    return state.page.isEmpty ? .text("", status: 503) : .text(state.page)
                }
            }
            let (both, instrumentation) = changing.withLock { _ in
                state.read { ($0.both, $0.instrumentation) }
            }
            instrumentation?.forceFlush()
            state.mutate { $0.scrapes += 1 }
            return .text(both)
        }
    }

    var url: String { server.url }
    var port: Int { server.port }

    func begin(_ instrumentation: GenAIInstrumentation) { state.mutate { $0.instrumentation = instrumentation } }

    func stop() { server.stop() }

    /// Shows a page until it has been scraped a few times.
    ///
    /// - Returns: the time when it has been, in seconds since 1970.
    func show(_ step: Double, startedAt start: Double) throws -> Double {
        let page = page(step, startedAt: start)
        try changing.withLock { _ in
            let polls = state.mutate { state in
                state.page = page
                return state.polls
            }
            // With the second request, the answer to the first has been recorded.
            try #require(state.wait(until: .now + .seconds(60)) { $0.polls >= polls + 3 ? true : nil } == true)
            state.mutate { $0.both = page + ($0.instrumentation?.prometheusText() ?? "") }
        }
        let scrapes = state.read { $0.scrapes }
        try #require(state.wait(until: .now + .seconds(60)) { $0.scrapes >= scrapes + 3 ? true : nil } == true)
        return Date().timeIntervalSince1970
    }

    /// The recorded numbers, multiplied, and more of them, so that the shares of the buckets change.
    private func page(_ step: Double, startedAt start: Double) -> String {
        original.map { line in
            guard let space = line.lastIndex(of: " "), !line.hasPrefix("#"),
                let value = Double(line[space...].dropFirst())
            else { return String(line) }
            let name = line.prefix { $0 != "{" && $0 != " " }
            let new: Double
            if name.hasSuffix("_created") || name == "process_start_time_seconds" {
                new = start
            } else if name.hasPrefix("vllm:"), name.hasSuffix("_bucket") {
                let bound = line.firstRange(of: "le=\"").flatMap {
                    Double(line[$0.upperBound...].prefix { $0 != "\"" })
                }
                new = value * step + step * step * min(bound ?? 0, 10).rounded(.down)
            } else if name.hasPrefix("vllm:"), ["_total", "_sum", "_count"].contains(where: name.hasSuffix) {
                new = value * step + step * step * 10
            } else {
                return String(line)
            }
            return "\(line[..<space]) \(new)"
        }.joined(separator: "\n") + "\n"
    }

    /// What to ask of the engine's own page, and of what was forwarded by a job.
    static func pairs(_ window: String) -> [(own: String, forwarded: (String) -> String)] {
        func quantile(_ own: String, _ forwarded: String) -> (own: String, forwarded: (String) -> String) {
            func ask(_ series: String) -> String {
                "histogram_quantile(0.95, sum by (le) (rate(\(series)\(window))))"
            }
            return (ask("vllm:\(own)_bucket"), { ask("gen_ai_server_\(forwarded)_bucket{job=\"\($0)\"}") })
        }
        func rate(_ function: String, _ own: String, _ name: String, _ label: String = "")
            -> (own: String, forwarded: (String) -> String)
        {
            func ask(_ series: String) -> String { "sum(\(function)(\(series)\(window)))" }
            return (ask("vllm:\(own)"), { ask("\(name){job=\"\($0)\"\(label)}") })
        }
        return [
            quantile("time_to_first_token_seconds", "time_to_first_token_seconds"),
            quantile("request_time_per_output_token_seconds", "time_per_output_token_seconds"),
            quantile("e2e_request_latency_seconds", "request_duration_seconds"),
            quantile("request_queue_time_seconds", "request_queue_time_seconds"),
            rate("rate", "prompt_tokens_total", "gen_ai_server_tokens_total", ",gen_ai_token_type=\"input\""),
            rate("rate", "generation_tokens_total", "gen_ai_server_tokens_total", ",gen_ai_token_type=\"output\""),
            rate("increase", "prompt_tokens_total", "gen_ai_server_tokens_total", ",gen_ai_token_type=\"input\""),
            rate("increase", "prefix_cache_hits_total", "gen_ai_server_prefix_cache_hits_total"),
            rate("increase", "prefix_cache_queries_total", "gen_ai_server_prefix_cache_queries_total"),
            rate("increase", "num_preemptions_total", "gen_ai_server_preemptions_total"),
            rate("increase", "request_success_total", "gen_ai_requests_total"),
            rate("increase", "time_to_first_token_seconds_sum", "gen_ai_server_time_to_first_token_seconds_sum"),
            rate("increase", "time_to_first_token_seconds_count", "gen_ai_server_time_to_first_token_seconds_count"),
        ]
    }
}
