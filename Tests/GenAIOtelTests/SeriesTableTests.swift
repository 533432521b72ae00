import TestSupport
import Testing

@testable import GenAIOtel

@Suite struct SeriesTableTests {
    /// A key whose quick hash is what the test says.
    private struct Key: SeriesKey {
        var name: Int
        var quickHash: UInt64
    }

    @Test("whatever is set and removed, it holds what a dictionary holds", arguments: 1...8)
    func matchesDictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // From hashes that are all the same to hashes that are all different.
        let hashes: UInt64 = 1 << (8 * UInt64.random(in: 0...4, using: &generator))
        var table = SeriesTable<Key, Int>(limit: 100)
        var model: [Key: Int] = [:]
        for step in 0..<3_000 {
            let name = Int.random(in: 0..<150, using: &generator)
            let key = Key(name: name, quickHash: (UInt64(name) % hashes).quicklyMixed)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                table.remove(key)
                model[key] = nil
            } else {
                let slot = table.slot(for: key, initial: 0) { [Attribute("name", .int($0.name))] }
                table[slot] = step
                if case .own = slot { model[key] = step }
            }
            #expect(model.count <= 100)
        }
        #expect(table.entries == model)
        #expect(table.series.values.count == table.series.attributes.count)
        for (attributes, value) in zip(table.series.attributes, table.series.values) where attributes != [.overflow] {
            guard case .int(let name) = attributes.first?.value else {
                Issue.record("attributes are lost")
                continue
            }
            #expect(model.first { $0.key.name == name }?.value == value)
        }
    }

    @Test("names that are equal but not byte for byte are one series")
    func canonicalEquivalence() {
        var table = SeriesTable<String, Int>(limit: 10)
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        #expect(composed.quickHash != decomposed.quickHash)
        for (name, value) in [(composed, 1), (decomposed, 2), (composed, 3), (decomposed, 4)] {
            table[table.slot(for: name, initial: 0) { [Attribute("model", .string($0))] }] = value
        }
        #expect(table.entries == [composed: 4])
    }

    @Test("a copy keeps its values when the original goes on")
    func copies() {
        var table = SeriesTable<String, Int>(limit: 10)
        for name in ["a", "b", "c"] { table[table.slot(for: name, initial: 0) { _ in [] }] = 1 }
        let copy = table
        table[table.slot(for: "a", initial: 0) { _ in [] }] = 2
        table.remove("b")
        #expect(copy.entries == ["a": 1, "b": 1, "c": 1])
        #expect(table.entries == ["a": 2, "c": 1])
    }
}
