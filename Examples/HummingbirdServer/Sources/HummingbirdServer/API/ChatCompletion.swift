// The answer to a request without `stream`.

struct ChatCompletion: Encodable {
    struct Choice: Encodable {
        var index = 0
        var message: Message
        var finishReason: GenerationResult.FinishReason

        private enum CodingKeys: String, CodingKey {
            case index, message
            case finishReason = "finish_reason"
        }
    }

    struct Message: Encodable {
        var role = "assistant"
        var content: String
    }

    var id: String
    var object = "chat.completion"
    /// Seconds since 1970.
    var created: Int
    var model: String
    var choices: [Choice]
    var usage: TokenUsage
}
