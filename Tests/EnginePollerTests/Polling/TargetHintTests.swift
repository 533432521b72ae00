import GenAISupport
import Testing

@testable import EnginePoller

@Suite("What to do when an engine can't be read")
struct TargetHintTests {
    private static let engines = Engine.known.map(\.name)

    private static let failures: [HTTPFailure] = [
        .timedOut, .connectionRefused, .connectionLost, .hostNotFound, .handshakeFailed, .tlsFailed,
        .answerTooLarge(limit: 1), .answerEncoded("gzip"), .other("libcurl 61"),
    ]
    private static let statuses = [
        100, 204, 301, 307, 400, 401, 403, 404, 405, 418, 429, 500, 501, 502, 503, 504, 599, 999,
    ]
    private static let contents: [TargetProblem.Content] = [.empty, .json, .webPage, .vLLMWithoutStatistics, .other]

    /// Every problem that a page can have.
    private static let problems: [TargetProblem] =
        failures.map { .noAnswer($0) } + statuses.map { .status($0) } + contents.map { .unexpected($0) }

    /// How a hint names an engine.
    private static let names = [
        "vllm": "vLLM", "tgi": "TGI", "sglang": "SGLang", "llama.cpp": "llama.cpp", "tensorrt-llm": "TensorRT-LLM",
        "triton": "Triton", "lmdeploy": "LMDeploy", "nim": "NIM",
        "dynamo": "Dynamo",
    ]

    @Test("every problem of every engine has a hint, which is short and speaks of no other engine", arguments: problems)
    func everyProblem(problem: TargetProblem) throws {
        for engine in [nil] + Self.engines {
            let hint = try #require(problem.hint(for: engine))
            #expect(hint.count < 240 && !hint.contains("\n") && !hint.hasSuffix("."), "\(hint)")
            // That is about the engine whose page it knows.
            guard let engine, problem != .unexpected(.vLLMWithoutStatistics) else { continue }
            for (other, name) in Self.names where other != engine { #expect(!hint.contains(name), "\(hint)") }
        }
        #expect(TargetProblem.noAnswer(.cancelled).hint(for: nil) == nil)
    }

    @Test(
        "the engine that was last recognised decides",
        arguments: [
            (.status(400), nil, "?model=NAME"), (.status(400), "llama.cpp", "?model=NAME"),
            (.status(400), "vllm", "path and query"), (.status(401), nil, "GENAI_SERVER_METRICS_TOKEN"),
            (.status(401), "llama.cpp", "not as user info"), (.status(403), "vllm", "--api-key"),
            (.status(401), "tgi", "EngineTarget.bearerToken"), (.status(404), nil, "/prometheus/metrics"),
            (.status(404), "sglang", "--enable-metrics"), (.status(404), "lmdeploy", "--enable-metrics"),
            (.status(404), "nim", "/v1/metrics"), (.status(404), "tensorrt-llm", "/prometheus/metrics"),
            (.status(404), "triton", "8002"), (.status(404), "vllm", "/v1"), (.status(501), nil, "--metrics"),
            (.status(501), "llama.cpp", "--metrics"), (.status(503), "llama.cpp", "loads its model"),
            (.unexpected(.json), nil, "/prometheus/metrics"), (.unexpected(.other), "vllm", "--disable-log-stats"),
            (.noAnswer(.timedOut), "llama.cpp", "b9713"), (.noAnswer(.timedOut), nil, "2 seconds"),
            (.noAnswer(.connectionRefused), "sglang", "--host 0.0.0.0"),
            (.noAnswer(.connectionRefused), "vllm", "does it listen on this address"),
            (.noAnswer(.tlsFailed), nil, "GENAI_SERVER_METRICS_CERTIFICATE"),
            (.status(302), nil, "configure the URL"), (.status(404), "an engine to come", "path"),
        ] as [(TargetProblem, String?, String)]
    )
    func byEngine(problem: TargetProblem, engine: String?, part: String) throws {
        let hint = try #require(problem.hint(for: engine))
        #expect(hint.contains(part))
    }

    @Test(
        "what a page is instead",
        arguments: [
            ("", .empty), (" \r\n", .empty), ("{}", .json), ("\n[1]", .json), ("<html>", .webPage),
            ("up 1\n", .other),
        ] as [(String, TargetProblem.Content)]
    )
    func content(text: String, content: TargetProblem.Content) {
        #expect(TargetProblem.unexpected(Array(text.utf8)) == .unexpected(content))
    }

    @Test("vLLM's page with --disable-log-stats is told from others")
    func vLLMWithoutStatistics() throws {
        let page = try Fixture.bytes("vllm-0.32.0-disable-log-stats.txt")
        #expect(EnginePage(page) == nil)
        #expect(TargetProblem.unexpected(page) == .unexpected(.vLLMWithoutStatistics))
    }
}
