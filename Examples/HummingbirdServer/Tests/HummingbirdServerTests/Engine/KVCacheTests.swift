import ExampleSupport
import Testing

@testable import HummingbirdServer

@Suite("The KV cache")
struct KVCacheTests {
    @Test("a sequence holds the blocks that its tokens fill, and gives them back")
    func blocks() {
        var cache = KVCache(blockCount: 10)
        let isAdmitted = cache.admit(1, promptTokens: 17, maxTokens: 32)
        #expect(isAdmitted)
        #expect(cache.usedBlocks == 2)
        #expect(cache.usage == 20)
        // The second block has room for 15 more tokens.
        let tookABlock = (0..<32).map { _ in cache.appendToken(1) }
        #expect(tookABlock.indices.filter { tookABlock[$0] } == [15, 31])
        #expect(cache.usedBlocks == 4)
        cache.release(1)
        #expect(cache.usedBlocks == 0)
        #expect(cache.sequenceCount == 0)
    }

    @Test("what a sequence was promised is not given to another")
    func promises() {
        var cache = KVCache(blockCount: 10)
        var admitted = [cache.admit(1, promptTokens: 16, maxTokens: 96)]
        #expect(cache.usedBlocks == 1)
        admitted.append(cache.admit(2, promptTokens: 16, maxTokens: 48))
        admitted.append(cache.admit(3, promptTokens: 16, maxTokens: 32))
        cache.release(1)
        admitted.append(cache.admit(2, promptTokens: 16, maxTokens: 48))
        #expect(admitted == [true, false, true, true])
    }

    @Test("a sequence gets no more than it was promised, and an unknown one nothing")
    func limits() {
        var cache = KVCache(blockCount: 4)
        var admitted = [cache.admit(1, promptTokens: 16, maxTokens: 16)]
        for _ in 0..<100 { _ = cache.appendToken(1) }
        #expect(cache.usedBlocks == 2)
        // One that is there already is not admitted again, one that is not gets no block.
        admitted.append(cache.admit(1, promptTokens: 1, maxTokens: 1))
        admitted.append(cache.appendToken(2))
        #expect(admitted == [true, false, false])
        cache.release(2)
        #expect(cache.usedBlocks == 2)
    }

    @Test("whatever comes and goes, blocks are neither lost nor held twice", arguments: [1, 2, 3] as [UInt64])
    func churn(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var cache = KVCache(blockCount: 50)
        var held: [Int: (tokens: Int, limit: Int)] = [:]
        for id in 0..<2_000 {
            let (prompt, most) = (Int.random(in: 1...60, using: &random), Int.random(in: 1...60, using: &random))
            if cache.admit(id, promptTokens: prompt, maxTokens: most) { held[id] = (prompt, prompt + most) }
            for key in held.keys.sorted() where held[key].map({ $0.tokens < $0.limit }) == true {
                _ = cache.appendToken(key)
                held[key]?.tokens += 1
            }
            if let gone = held.keys.sorted().first, Bool.random(using: &random) {
                cache.release(gone)
                held[gone] = nil
            }
            #expect(cache.usedBlocks == held.values.reduce(0) { $0 + KVCache.blocks($1.tokens) })
        }
        held.keys.forEach { cache.release($0) }
        #expect(cache.usage == 0)
    }
}
