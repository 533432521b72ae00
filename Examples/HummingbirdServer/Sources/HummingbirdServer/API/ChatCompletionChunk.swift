// One event of a streamed answer.

struct ChatCompletionChunk: Encodable {
    struct Choice: Encodable {
        var index = 0
        var delta: Delta
        var finishReason: GenerationResult.FinishReason?

        private enum CodingKeys: String, CodingKey {
            case index, delta
            case finishReason = "finish_reason"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(index, forKey: .index)
            try container.encode(delta, forKey: .delta)
            // Present in every chunk, and null until the last.
            try container.encode(finishReason, forKey: .finishReason)
        }
    }

    struct Delta: Encodable {
        var role: String?
        var content: String?
    }

    /// What all chunks of an answer share.
    struct Header {
        var id: String
        /// Seconds since 1970.
        var created: Int
        var model: String
        /// Whether the client wants the token counts: then each chunk has `usage`, null in all but the last.
        var includesUsage: Bool
    }

    var header: Header
    var choices: [Choice]
    var usage: TokenUsage?

    private enum CodingKeys: String, CodingKey {
        case id, object, created, model, choices, usage
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(header.id, forKey: .id)
        try container.encode("chat.completion.chunk", forKey: .object)
        try container.encode(header.created, forKey: .created)
        try container.encode(header.model, forKey: .model)
        try container.encode(choices, forKey: .choices)
        if header.includesUsage { try container.encode(usage, forKey: .usage) }
    }
}
