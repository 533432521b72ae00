// What the engine is asked for.

/// One answer that is wanted.
struct GenerationRequest: Sendable {
    var model: ModelProfile
    var prompt: String
    /// The most tokens of the answer.
    var maxTokens: Int
    /// Nil: the prompt decides.
    var seed: UInt64?

    /// About four bytes of text make a token.
    var promptTokens: Int { max(1, (prompt.utf8.count + 3) / 4) }

    /// The seed of the answer: that of the request, else the prompt's FNV-1a hash, which does not change between runs.
    var textSeed: UInt64 {
        seed ?? prompt.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
