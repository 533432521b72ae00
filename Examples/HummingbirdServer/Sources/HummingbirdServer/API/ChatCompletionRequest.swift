// The body of POST /v1/chat/completions, as far as it has an effect here.

/// What a client asks for. Fields that are not listed are ignored, as other servers of this API do.
struct ChatCompletionRequest: Decodable {
    struct StreamOptions: Decodable {
        var includeUsage: Bool?

        private enum CodingKeys: String, CodingKey {
            case includeUsage = "include_usage"
        }
    }

    var model: String
    var messages: [ChatMessage]
    var maxTokens: Int?
    var maxCompletionTokens: Int?
    var seed: Int64?
    var stream: Bool?
    var streamOptions: StreamOptions?

    private enum CodingKeys: String, CodingKey {
        case model, messages, seed, stream
        case maxTokens = "max_tokens"
        case maxCompletionTokens = "max_completion_tokens"
        case streamOptions = "stream_options"
    }

    var isStream: Bool { stream ?? false }

    /// The most tokens of an answer to a client that sets no limit.
    static let defaultMaxTokens = 256

    /// Turns it into what the engine takes.
    ///
    /// - Throws: an ``APIError`` that tells which value is wrong.
    func generationRequest(for profile: ModelProfile) throws(APIError) -> GenerationRequest {
        guard !messages.isEmpty else { throw .invalid("'messages' must not be empty.", param: "messages") }
        if isStream == false, streamOptions != nil {
            throw .invalid("'stream_options' is only allowed with 'stream'.", param: "stream_options")
        }
        let limit = maxCompletionTokens ?? maxTokens
        let limitName = maxCompletionTokens == nil ? "max_tokens" : "max_completion_tokens"
        if let limit, limit < 1 { throw .invalid("'\(limitName)' must be at least 1.", param: limitName) }
        var request = GenerationRequest(
            model: profile,
            prompt: messages.map { "\($0.role.rawValue): \($0.text)" }.joined(separator: "\n"),
            maxTokens: 0,
            seed: seed.map { UInt64(bitPattern: $0) }
        )
        let room = profile.contextLength - request.promptTokens
        guard room >= limit ?? 1 else {
            throw .contextLengthExceeded(
                model: profile,
                promptTokens: request.promptTokens,
                outputTokens: limit
            )
        }
        request.maxTokens = limit ?? min(Self.defaultMaxTokens, room)
        return request
    }
}
