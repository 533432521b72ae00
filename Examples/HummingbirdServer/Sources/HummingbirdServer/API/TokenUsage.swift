// How many tokens a request took.

struct TokenUsage: Encodable {
    struct PromptDetails: Encodable {
        var cachedTokens: Int

        private enum CodingKeys: String, CodingKey {
            case cachedTokens = "cached_tokens"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case totalTokens = "total_tokens"
        case promptDetails = "prompt_tokens_details"
    }

    var promptTokens: Int
    var completionTokens: Int
    var totalTokens: Int
    var promptDetails: PromptDetails

    init(_ result: GenerationResult) {
        promptTokens = result.promptTokens
        completionTokens = result.outputTokens
        totalTokens = result.promptTokens + result.outputTokens
        promptDetails = PromptDetails(cachedTokens: result.cachedTokens)
    }
}
