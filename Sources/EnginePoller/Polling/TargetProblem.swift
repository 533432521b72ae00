// Why an engine could not be read, and what may help.

/// A problem with one request to an engine.
enum TargetProblem: Error, Equatable {
    /// The request failed, or its answer was not complete.
    case noAnswer(HTTPFailure)
    /// The status is not 2xx.
    case status(Int)
    /// The status is 2xx but the content is something else. `first` is its first byte that is not blank.
    case unexpected(first: UInt8?)

    static func unexpected(_ body: [UInt8]) -> TargetProblem {
        .unexpected(first: body.first { $0 != .space && $0 != .lineFeed && $0 != .carriageReturn })
    }

    /// Whether the server has answered, so that another request soon would be useless.
    var isRefusal: Bool {
        if case .noAnswer = self { false } else { true }
    }
}

extension TargetProblem: CustomStringConvertible {
    var description: String {
        switch self {
        case .noAnswer(let failure): "\(failure)"
        case .status(let status): "the answer is HTTP \(status)"
        case .unexpected(nil): "the answer is empty"
        case .unexpected: "the answer is not what was expected"
        }
    }

    /// What may be wrong if this happens with a metrics page.
    var hint: String? {
        switch self {
        case .status(300..<400):
            "redirects are not followed to another host or port, and not more than once; configure the URL that this one leads to"
        case .status(401), .status(403): "a bearer token, or user info in the URL, is missing or not accepted"
        case .status(404):
            "engines serve /metrics, but NIM /v1/metrics and TensorRT-LLM /prometheus/metrics; SGLang and LMDeploy "
                + "must be started with --enable-metrics"
        case .status(501): "llama.cpp must be started with --metrics"
        case .unexpected(UInt8(ascii: "{")), .unexpected(UInt8(ascii: "[")):
            "it is JSON, not metrics; TensorRT-LLM serves them at /prometheus/metrics"
        case .unexpected(UInt8(ascii: "<")): "it is a web page"
        case .unexpected: "no metrics of a known engine"
        default: nil
        }
    }
}
