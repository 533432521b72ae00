// What the engine is asked for.

/// One answer that is wanted.
struct GenerationRequest: Sendable {
    var model: ModelProfile
    var prompt: String
    /// The most tokens of the answer.
    var maxTokens: Int
    /// Nil: the prompt decides.
    var seed: UInt64?

    /// About so many bytes of text make a token.
    static let bytesPerToken = 4

    var promptTokens: Int { max(1, (prompt.utf8.count + Self.bytesPerToken - 1) / Self.bytesPerToken) }

    /// The seed of the answer: that of the request, else the prompt's hash.
    var textSeed: UInt64 { seed ?? prompt.utf8.reduce(into: FNV1a()) { $0.add($1) }.value }
}
