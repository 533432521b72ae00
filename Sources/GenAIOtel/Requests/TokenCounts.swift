// The tokens of one kind of tracked requests.

import GenAISupport

/// Sums of tokens, each absent until a request reports such tokens.
struct TokenCounts: Sendable {
    var input = OptionalSum()
    var output = OptionalSum()
    var prefixCacheQueries = OptionalSum()
    var prefixCacheHits = OptionalSum()

    mutating func add(_ ending: RequestStore.Ending) {
        if ending.outputTokens != nil { output.add(ending.uncountedOutputTokens) }
        guard let tokens = ending.inputTokens else { return }
        input.add(tokens)
        guard let cached = ending.cachedInputTokens else { return }
        prefixCacheQueries.add(tokens)
        prefixCacheHits.add(min(cached, tokens))
    }

    /// The sums by the figure under which they are reported.
    var figures: KeyValuePairs<Figure, OptionalSum> {
        [
            .inputTokens: input, .outputTokens: output, .prefixCacheQueries: prefixCacheQueries,
            .prefixCacheHits: prefixCacheHits,
        ]
    }
}

/// A sum that never falls, and is nil before the first number.
struct OptionalSum: Sendable {
    // Below 0 before the first number. An optional would take twice the space.
    private var number = -1

    var value: Int? { number < 0 ? nil : number }

    /// Adds a number that is 0 or more.
    mutating func add(_ count: Int) { number = max(number, 0).addingAsCount(count) }
}
