import TestSupport
import Testing

@testable import GenAIOtel

@Suite struct PositionHintsTests {
    @Test("what was noted is found, as long as there is room")
    func finds() {
        var hints = PositionHints()
        for position in 0..<1_000 { hints.note(position, for: UInt64(position).quicklyMixed, keys: 1_000) }
        let found = (0..<1_000).filter { position in
            hints.position(UInt64(position).quicklyMixed) { $0 == position } == position
        }
        #expect(found.count > 950)
    }

    @Test("only a position that the caller confirms is given")
    func asks() {
        var hints = PositionHints()
        hints.note(1, for: 7, keys: 2)
        hints.note(2, for: 7, keys: 2)
        #expect(hints.position(7) { $0 == 2 } == 2)
        #expect(hints.position(7) { $0 == 1 } == 1)
        #expect(hints.position(7) { _ in false } == nil)
        #expect(hints.position(8) { _ in true } == nil)
    }

    @Test("any number of keys with the same hash are accepted")
    func collisions() {
        var hints = PositionHints()
        for position in 0..<10_000 { hints.note(position, for: 7, keys: 10_000) }
        #expect(hints.position(7) { $0 == 9_999 } == 9_999)
    }

    @Test("nothing is found before anything was noted")
    func empty() {
        #expect(PositionHints().position(7) { _ in true } == nil)
    }

    @Test("the quick hash tells apart names that differ in one byte, wherever it is")
    func quickHash() {
        for length in 0..<40 {
            let name = String(repeating: "m", count: length)
            let others = (0..<length).map { index in
                var bytes = Array(name.utf8)
                bytes[index] = UInt8(ascii: "n")
                return String(decoding: bytes, as: UTF8.self)
            }
            let hashes = Set(([name, name + "m"] + others).map(\.quickHash))
            #expect(hashes.count == length + 2)
        }
    }

    @Test("the quick hash is the same wherever the bytes are kept")
    func quickHashOfSubstrings() {
        let long = String("-- meta-llama/Llama-3.1-8B --".dropFirst(3).dropLast(3))
        #expect(long.quickHash == "meta-llama/Llama-3.1-8B".quickHash)
    }
}
