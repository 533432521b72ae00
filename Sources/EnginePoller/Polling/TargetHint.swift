// The table of what to do about a problem with an engine's metrics page.

extension TargetProblem {
    /// What to do about the problem, if it happens with the metrics page of `engine` (nil: not recognised so far).
    func hint(for engine: String?) -> String? {
        guard let symptom else { return nil }
        let subjects: [Hint.Subject] = engine.map { [.engine($0), .any, .unknown] } ?? [.unknown, .any]
        return subjects.lazy.compactMap { subject in
            Hint.table.first { $0.symptom == symptom && $0.subject == subject }?.text
        }.first
    }

    /// Nil for a poll that was cancelled.
    private var symptom: Hint.Symptom? {
        switch self {
        case .noAnswer(.cancelled): nil
        case .noAnswer(.timedOut): .timeout
        case .noAnswer(.connectionRefused): .refusedConnection
        case .noAnswer(.connectionLost): .lostConnection
        case .noAnswer(.hostNotFound): .unknownHost
        case .noAnswer(.handshakeFailed): .handshake
        case .noAnswer(.tlsFailed): .certificate
        case .noAnswer(.answerTooLarge): .largeAnswer
        case .noAnswer(.answerEncoded): .compression
        case .noAnswer(.other): .clientError
        case .status(300..<400): .redirect
        case .status(400): .badRequest
        case .status(401), .status(403): .noAccess
        case .status(404): .noPage
        case .status(429): .tooOften
        case .status(501): .noMetrics
        case .status(502), .status(504): .proxy
        case .status(503): .notReady
        case .status(500...): .serverError
        case .status: .otherStatus
        case .unexpected(let content): .content(content)
        }
    }
}

/// A row of the table.
private struct Hint: Sendable {
    enum Symptom: Hashable {
        case timeout, refusedConnection, lostConnection, unknownHost, handshake, certificate, largeAnswer, compression
        case clientError, redirect, badRequest, noAccess, noPage, tooOften, noMetrics, proxy, notReady, serverError
        case otherStatus
        case content(TargetProblem.Content)
    }

    /// The engine that a row is about. A row of the engine wins over a row of any engine.
    enum Subject: Equatable {
        case engine(String)
        /// No engine was recognised so far.
        case unknown
        case any
    }

    var symptom: Symptom
    var subject: Subject
    var text: String

    init(_ symptom: Symptom, _ subject: Subject, _ text: String) {
        self.symptom = symptom
        self.subject = subject
        self.text = text
    }

    static let table: [Hint] = [
        // No answer
        Hint(.timeout, .any, "does the network reach the server, and is it overloaded? a poll has 2 seconds"),
        Hint(
            .timeout,
            .engine("llama.cpp"),
            "until b9713 (mid-2026) llama.cpp answers only after the prompt that it is reading: use a newer one"
        ),
        Hint(
            .refusedConnection,
            .unknown,
            "is the engine started, and does it listen on this address and port? llama.cpp and SGLang listen on "
                + "127.0.0.1 unless they have --host 0.0.0.0; in a container, localhost is the container itself"
        ),
        Hint(
            .refusedConnection,
            .any,
            "is the engine started, and does it listen on this address and port? in a container, localhost is the "
                + "container itself"
        ),
        Hint(.refusedConnection, .engine("llama.cpp"), loopbackByDefault("llama.cpp")),
        Hint(.refusedConnection, .engine("sglang"), loopbackByDefault("SGLang")),
        Hint(
            .refusedConnection,
            .engine("triton"),
            "is Triton started? its metrics have a port of their own, 8002 by default"
        ),
        Hint(.lostConnection, .any, "did the engine end? does this port speak HTTP? for https, the URL says https://"),
        Hint(.unknownHost, .any, "check the host in the URL, and DNS"),
        Hint(.handshake, .any, "does this port speak https? if not, the URL must say http://"),
        Hint(
            .certificate,
            .any,
            "is it expired or for another host? for an authority of your own, set GENAI_SERVER_METRICS_CERTIFICATE or "
                + "EngineTarget.certificateFile"
        ),
        Hint(.largeAnswer, .any, "is this the URL of the engine's metrics page?"),
        Hint(.compression, .any, "a proxy compresses it: switch that off for this page"),
        Hint(.clientError, .any, "an error of this machine's HTTP client: try the URL with curl"),

        // Statuses
        Hint(
            .redirect,
            .any,
            "redirects are not followed to another host or port, and not more than once; configure the URL that this "
                + "one leads to"
        ),
        Hint(.badRequest, .any, "check the URL's path and query, and the headers"),
        Hint(
            .badRequest,
            .unknown,
            "llama.cpp as a router wants ?model=NAME&autoload=false in the URL; for others, check path, query and headers"
        ),
        Hint(.badRequest, .engine("llama.cpp"), "as a router, llama.cpp wants ?model=NAME&autoload=false in the URL"),
        Hint(
            .noAccess,
            .unknown,
            "a bearer token, or user info in the URL, is missing or not accepted; llama.cpp wants its API key as a "
                + "bearer token: set GENAI_SERVER_METRICS_TOKEN or EngineTarget.bearerToken"
        ),
        Hint(
            .noAccess,
            .any,
            "a bearer token, or user info in the URL, is missing or not accepted: set GENAI_SERVER_METRICS_TOKEN or "
                + "EngineTarget.bearerToken"
        ),
        Hint(
            .noAccess,
            .engine("llama.cpp"),
            "llama.cpp wants its API key as a bearer token, and not as user info: set GENAI_SERVER_METRICS_TOKEN or "
                + "EngineTarget.bearerToken"
        ),
        Hint(
            .noAccess,
            .engine("vllm"),
            "vLLM's own page is open even with --api-key, so a proxy asks: give it the token, header or user info that "
                + "it wants"
        ),
        Hint(
            .noPage,
            .unknown,
            "engines serve /metrics, but NIM /v1/metrics and TensorRT-LLM /prometheus/metrics; SGLang and LMDeploy "
                + "must be started with --enable-metrics"
        ),
        Hint(.noPage, .any, "is this the path of the engine's metrics page?"),
        Hint(.noPage, .engine("vllm"), "vLLM serves /metrics, and nothing of it below /v1"),
        Hint(.noPage, .engine("tgi"), "TGI serves /metrics"),
        Hint(.noPage, .engine("llama.cpp"), "llama.cpp serves /metrics, below its --api-prefix if it has one"),
        Hint(.noPage, .engine("sglang"), "SGLang serves /metrics, and only if it is started with --enable-metrics"),
        Hint(.noPage, .engine("lmdeploy"), "LMDeploy serves /metrics, and only if it is started with --enable-metrics"),
        Hint(
            .noPage,
            .engine("tensorrt-llm"),
            "TensorRT-LLM serves /prometheus/metrics, if its metrics are switched on"
        ),
        Hint(.noPage, .engine("triton"), "Triton serves /metrics on a port of its own, 8002 by default"),
        Hint(.noPage, .engine("nim"), "NIM serves /v1/metrics"),
        Hint(.noPage, .engine("dynamo"), "Dynamo's front end serves /metrics"),
        Hint(.tooOften, .any, "ask less often: GENAI_SERVER_METRICS_INTERVAL or EngineTarget.interval"),
        Hint(.noMetrics, .any, "the server has no such page"),
        Hint(.noMetrics, .unknown, "llama.cpp must be started with --metrics"),
        Hint(.noMetrics, .engine("llama.cpp"), "llama.cpp must be started with --metrics"),
        Hint(.proxy, .any, "a proxy answers and does not reach the engine: is the engine started?"),
        Hint(.notReady, .any, "the server is starting or overloaded, or a proxy does not reach it"),
        Hint(
            .notReady,
            .unknown,
            "the server is starting or overloaded, or a proxy does not reach it; llama.cpp answers so while it loads "
                + "its model"
        ),
        Hint(.notReady, .engine("llama.cpp"), "llama.cpp answers so while it loads its model"),
        Hint(.serverError, .any, "the engine's own log says why"),
        Hint(.otherStatus, .any, "is this the URL of the engine's metrics page?"),

        // Answers that are not a page of metrics
        Hint(.content(.empty), .any, "is this the URL of the engine's metrics page? it may have no metrics yet"),
        Hint(.content(.json), .any, "it is JSON, not metrics: is the path right?"),
        Hint(.content(.json), .unknown, "it is JSON, not metrics; TensorRT-LLM serves them at /prometheus/metrics"),
        Hint(
            .content(.json),
            .engine("tensorrt-llm"),
            "it is JSON, not metrics; TensorRT-LLM serves them at /prometheus/metrics"
        ),
        Hint(.content(.webPage), .any, "it is a web page: of a login, a proxy or another server"),
        Hint(
            .content(.vLLMWithoutStatistics),
            .any,
            "no metrics of a known engine: vLLM with --disable-log-stats has only those of its HTTP server; start it "
                + "without that"
        ),
        Hint(
            .content(.other),
            .unknown,
            "no metrics of a known engine: is this the engine's own page? vLLM must not have --disable-log-stats"
        ),
        Hint(.content(.other), .any, "no metrics of a known engine any more: does another server answer here?"),
        Hint(
            .content(.other),
            .engine("vllm"),
            "no metrics of a known engine any more: was vLLM restarted with --disable-log-stats?"
        ),
    ]

    private static func loopbackByDefault(_ engine: String) -> String {
        "is \(engine) started, on this port? it listens on 127.0.0.1 unless it has --host 0.0.0.0"
    }
}
