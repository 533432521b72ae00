// Errors in the form that clients of the OpenAI API expect.

import Hummingbird

/// What is answered instead of a completion.
struct APIError: Error, Equatable {
    var status: HTTPResponse.Status
    /// One sentence for the client's developer.
    var message: String
    /// The class of error, `invalid_request_error` for instance.
    var type: String
    /// The field of the request that is to blame.
    var param: String?
    /// What a program can tell errors apart by.
    var code: String?
    /// After how many seconds to try again.
    var retryAfter: Int?
}

extension APIError {
    static func invalid(_ message: String, param: String? = nil, code: String? = nil) -> APIError {
        APIError(status: .badRequest, message: message, type: "invalid_request_error", param: param, code: code)
    }

    /// A body that is no JSON, or not the JSON that is expected.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            let path = Self.path(context.codingPath + [key])
            self = .invalid("Missing required parameter: '\(path)'.", param: path)
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            let path = Self.path(context.codingPath)
            self = .invalid("'\(path)' has the wrong type.", param: path.isEmpty ? nil : path)
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            self = .invalid("The body is not valid JSON.")
        case .dataCorrupted(let context):
            self = .invalid(context.debugDescription, param: Self.path(context.codingPath))
        @unknown default:
            self = .invalid("The body can't be read.")
        }
    }

    static func unknownModel(_ name: String) -> APIError {
        APIError(
            status: .notFound,
            message: "The model '\(name.prefix(100))' does not exist. GET /v1/models lists those that do.",
            type: "invalid_request_error",
            param: "model",
            code: "model_not_found"
        )
    }

    static func contextLengthExceeded(model: ModelProfile, promptTokens: Int, outputTokens: Int?) -> APIError {
        let wanted = outputTokens.map { " and \($0) of the answer" } ?? ""
        return .invalid(
            """
            \(model.name) holds \(model.contextLength) tokens; this request has \(promptTokens) in its messages\(wanted).
            """,
            param: "messages",
            code: "context_length_exceeded"
        )
    }

    static func bodyTooLarge(limit: Int) -> APIError {
        APIError(
            status: .contentTooLarge,
            message: "The body is larger than \(limit) bytes.",
            type: "invalid_request_error",
            code: "request_too_large"
        )
    }

    static func queueFull(waiting: Int, retryAfter: Int) -> APIError {
        APIError(
            status: .tooManyRequests,
            message: "The server is busy: \(waiting) requests wait already.",
            type: "rate_limit_error",
            code: "queue_full",
            retryAfter: retryAfter
        )
    }

    /// The model was asked, and could not answer.
    init(_ error: EngineError) {
        self.init(
            status: .internalServerError,
            message: "The engine could not complete the answer.",
            type: "server_error",
            code: error.rawValue
        )
    }

    /// As in `messages[0].role`.
    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce("") { path, key in
            if let index = key.intValue { return "\(path)[\(index)]" }
            return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
        }
    }
}

extension APIError: HTTPResponseError {
    struct Body: Encodable {
        private enum CodingKeys: String, CodingKey {
            case error
        }

        private enum ErrorKeys: String, CodingKey {
            case message, type, param, code
        }

        let error: APIError

        /// Fields without a value are null, not absent.
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: CodingKeys.self)
            var container = outer.nestedContainer(keyedBy: ErrorKeys.self, forKey: .error)
            try container.encode(error.message, forKey: .message)
            try container.encode(error.type, forKey: .type)
            try container.encode(error.param, forKey: .param)
            try container.encode(error.code, forKey: .code)
        }
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var headers: HTTPFields = [.contentType: JSON.contentType]
        if let retryAfter { headers[.retryAfter] = String(retryAfter) }
        let body = ResponseBody(byteBuffer: try JSON.encode(Body(error: self)))
        return Response(status: status, headers: headers, body: body)
    }
}
