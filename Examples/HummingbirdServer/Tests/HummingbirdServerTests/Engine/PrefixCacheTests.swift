import Testing

@testable import HummingbirdServer

@Suite("The prefix cache")
struct PrefixCacheTests {
    @Test("the last token of a prompt is never part of its blocks", arguments: [(0, 0), (64, 0), (65, 1), (129, 2)])
    func blocks(length: Int, count: Int) {
        #expect(PrefixCache.blocks(of: String(repeating: "x", count: length)).count == count)
    }

    @Test("of a long prompt the beginning is remembered")
    func longPrompt() {
        #expect(PrefixCache.blocks(of: String(repeating: "x", count: 100_000)).count == 64)
    }

    @Test("a block counts only with all that stands before it")
    func order() {
        let cache = PrefixCache()
        let text = (0..<4).map { String(repeating: "\($0)", count: 64) }
        cache.insert(PrefixCache.blocks(of: text.joined() + "."))
        #expect(cache.cachedTokens(PrefixCache.blocks(of: text[0] + text[1] + "other")) == 32)
        #expect(cache.cachedTokens(PrefixCache.blocks(of: text[1] + text[2] + "other")) == 0)
    }

    @Test("the oldest blocks make room")
    func capacity() {
        let cache = PrefixCache(capacity: 2)
        cache.insert([1, 2])
        cache.insert([2, 3])
        #expect(cache.cachedTokens([1]) == 0)
        #expect(cache.cachedTokens([2, 3]) == 32)
    }
}
