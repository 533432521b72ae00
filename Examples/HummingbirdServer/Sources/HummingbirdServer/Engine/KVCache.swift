// Accounts for the KV cache of one model, block by block, as paged attention does.

/// The blocks of a KV cache, and which sequence holds which.
///
/// A sequence holds the blocks that its tokens fill so far. When it is admitted it is promised those that it may come to
/// need at most, so that no sequence that runs ever has to wait for a block of another.
struct KVCache: Sendable {
    static let tokensPerBlock = 16

    private struct Sequence {
        var tokens: Int
        var blocks: [Int]
        var promisedBlocks: Int
    }

    let blockCount: Int
    private var freeBlocks: [Int]
    private var promisedBlocks = 0
    private var sequences: [Int: Sequence] = [:]

    init(blockCount: Int) {
        self.blockCount = blockCount
        freeBlocks = Array((0..<blockCount).reversed())
    }

    /// Blocks that hold tokens.
    var usedBlocks: Int { blockCount - freeBlocks.count }

    /// Share of the blocks that hold tokens, in percent.
    var usage: Double { blockCount == 0 ? 0 : Double(usedBlocks) / Double(blockCount) * 100 }

    var sequenceCount: Int { sequences.count }

    /// Takes a sequence in and stores its prompt; false if the blocks that it may need are not to be had now.
    mutating func admit(_ id: Int, promptTokens: Int, maxTokens: Int) -> Bool {
        let need = Self.blocks(promptTokens + maxTokens)
        guard sequences[id] == nil, promisedBlocks + need <= blockCount else { return false }
        promisedBlocks += need
        var sequence = Sequence(tokens: 0, blocks: [], promisedBlocks: need)
        append(promptTokens, to: &sequence)
        sequences[id] = sequence
        return true
    }

    /// Stores a token of the answer; true if that took another block. Nothing happens beyond what the sequence was promised.
    mutating func appendToken(_ id: Int) -> Bool {
        guard var sequence = sequences[id],
            Self.blocks(sequence.tokens + 1) <= sequence.promisedBlocks
        else { return false }
        let before = sequence.blocks.count
        append(1, to: &sequence)
        sequences[id] = sequence
        return sequence.blocks.count != before
    }

    /// Frees what a sequence held and was promised.
    mutating func release(_ id: Int) {
        guard let sequence = sequences.removeValue(forKey: id) else { return }
        promisedBlocks -= sequence.promisedBlocks
        freeBlocks.append(contentsOf: sequence.blocks)
    }

    private mutating func append(_ tokens: Int, to sequence: inout Sequence) {
        sequence.tokens += tokens
        while sequence.blocks.count < Self.blocks(sequence.tokens), let block = freeBlocks.popLast() {
            sequence.blocks.append(block)
        }
    }

    /// Blocks that so many tokens fill.
    static func blocks(_ tokens: Int) -> Int { (tokens + tokensPerBlock - 1) / tokensPerBlock }
}
