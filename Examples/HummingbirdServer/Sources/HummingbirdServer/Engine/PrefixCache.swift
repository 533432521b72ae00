// Remembers how prompts begin: what was read once need not be read again.

import Synchronization

/// The blocks of tokens that a model has read lately, each known by all that stands before it. Thread-safe.
final class PrefixCache: Sendable {
    private struct State {
        var known: Set<UInt64> = []
        /// The same, oldest first.
        var order: [UInt64] = []
    }

    /// How much of a prompt is remembered, in blocks.
    private static let longestPrefix = 64

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: the most blocks that are remembered.
    init(capacity: Int = 2_048) { self.capacity = capacity }

    /// How many tokens at the beginning of these blocks are known.
    func cachedTokens(_ blocks: [UInt64]) -> Int {
        state.withLock { state in blocks.prefix { state.known.contains($0) }.count } * KVCache.tokensPerBlock
    }

    /// Remembers blocks, and forgets the oldest ones where that needs their room.
    func insert(_ blocks: [UInt64]) {
        state.withLock { state in
            for block in blocks where state.known.insert(block).inserted { state.order.append(block) }
            let tooMany = max(state.order.count - capacity, 0)
            state.known.subtract(state.order.prefix(tooMany))
            state.order.removeFirst(tooMany)
        }
    }

    /// The whole blocks at the beginning of a prompt, but for its last token: the answer begins with that.
    static func blocks(of prompt: String) -> [UInt64] {
        let length = KVCache.tokensPerBlock * GenerationRequest.bytesPerToken
        let count = min(max(prompt.utf8.count - 1, 0) / length, longestPrefix)
        var blocks: [UInt64] = []
        var hash = FNV1a()
        for (index, byte) in prompt.utf8.prefix(count * length).enumerated() {
            hash.add(byte)
            if (index + 1) % length == 0 { blocks.append(hash.value) }
        }
        return blocks
    }
}
