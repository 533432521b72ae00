// What the simulated model is like: how fast it reads and writes, and how much it can remember.

/// A model's properties.
struct ModelProfile: Sendable, Equatable {
    /// The name that clients ask for.
    var name: String
    /// Blocks of its KV cache, of ``KVCache/tokensPerBlock`` tokens each.
    var cacheBlocks: Int
    /// Tokens that one sequence gets per second while it runs alone.
    var tokensPerSecond: Double
    /// How much longer a token takes for each other sequence of the batch, as a share of its time alone.
    var batchCost = 0.06

    /// Tokens of a prompt that are read per second: reading is parallel, and so much faster than writing.
    var promptTokensPerSecond: Double { tokensPerSecond * 40 }

    /// The longest sequence, prompt and answer together: half of the cache, so that every request can run some day.
    var contextLength: Int { cacheBlocks * KVCache.tokensPerBlock / 2 }

    /// The time that the prompt takes.
    func prefillTime(promptTokens: Int) -> Duration { .seconds(Double(promptTokens) / promptTokensPerSecond) }

    /// The time of one token in a batch of so many sequences.
    func tokenTime(batch: Int) -> Duration {
        .seconds((1 + batchCost * Double(max(batch - 1, 0))) / tokensPerSecond)
    }
}
