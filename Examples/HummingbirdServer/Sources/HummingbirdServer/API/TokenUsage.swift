// How many tokens a request took.

struct TokenUsage: Encodable {
    private enum CodingKeys: String, CodingKey {
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case totalTokens = "total_tokens"
    }

    var promptTokens: Int
    var completionTokens: Int
    var totalTokens: Int

    init(_ result: GenerationResult) {
        promptTokens = result.promptTokens
        completionTokens = result.outputTokens
        totalTokens = result.promptTokens + result.outputTokens
    }
}
