// How an answer ended.

/// The figures of an answer that is complete.
struct GenerationResult: Sendable, Equatable {
    enum FinishReason: String, Sendable, Encodable {
        /// The model had said everything.
        case stop
        /// It had used up the tokens that it was allowed.
        case length
    }

    var promptTokens: Int
    /// Those of the prompt that the prefix cache had.
    var cachedTokens: Int
    var outputTokens: Int
    var finishReason: FinishReason
}
