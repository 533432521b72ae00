// Why an engine could not be read.

/// A problem with one request to an engine.
enum TargetProblem: Error, Equatable {
    /// The request failed, or its answer was not complete.
    case noAnswer(HTTPFailure)
    /// The status is not 2xx.
    case status(Int)
    /// The status is 2xx but the content is something else.
    case unexpected(Content)

    static func unexpected(_ body: [UInt8]) -> TargetProblem { .unexpected(Content(body)) }

    /// The kind of an unexpected answer.
    enum Content: Hashable, Sendable {
        case empty, json, webPage
        /// The metrics of vLLM's HTTP server and of Python. Those of vLLM itself are switched off.
        case vLLMWithoutStatistics
        case other
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
        case .unexpected(.empty): "the answer is empty"
        case .unexpected: "the answer is not what was expected"
        }
    }
}

extension TargetProblem.Content {
    /// How much of an answer is looked at.
    private static let looked = 65_536

    init(_ body: [UInt8]) {
        let start = body.prefix(Self.looked)
        self =
            switch start.first(where: { $0 != .space && $0 != .lineFeed && $0 != .carriageReturn }) {
            case nil: .empty
            case UInt8(ascii: "{"), UInt8(ascii: "["): .json
            case UInt8(ascii: "<"): .webPage
            // A metric of the library that counts the requests of vLLM's HTTP server.
            case _ where String(decoding: start, as: UTF8.self).contains("http_request_duration_highr_seconds"):
                .vLLMWithoutStatistics
            default: .other
            }
    }
}
