import TestSupport
import Testing

@testable import GenAIOtel

@Suite struct SeriesTableTests {
    private func entries<Key>(_ table: SeriesTable<Key, Int>) -> [[Attribute]: Int] {
        var result: [[Attribute]: Int] = [:]
        for position in table.series.values.indices {
            result[table.series.attributes[position]] = table.series.values[position]
        }
        return result
    }

    private func name<Name>(_ name: Name) -> [Attribute] { [Attribute("name", .string("\(name)"))] }

    private func set(_ key: String, _ value: Int, in table: inout SeriesTable<String, Int>) {
        table[table.position(of: key, initial: 0, attributes: name)] = value
    }

    @Test("whatever is set and removed, it holds what a dictionary holds", arguments: 1...8)
    func matchesDictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // Within a page, and over several.
        let limit = [100, 1_500][Int(seed % 2)]
        var table = SeriesTable<Int, Int>(limit: limit)
        var model: [Int: Int] = [:]
        for step in 0..<10_000 {
            let key = Int.random(in: 0..<limit * 3 / 2, using: &generator)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                table.remove(key)
                model[key] = nil
            } else {
                let position = table.position(of: key, initial: 0, attributes: name)
                table[position] = step
                if position != table.overflowPosition { model[key] = step }
            }
            #expect(model.count <= limit)
        }
        var entries = entries(table)
        #expect((entries.removeValue(forKey: [.overflow]) != nil) == (table.overflowPosition != nil))
        #expect(entries == Dictionary(uniqueKeysWithValues: model.map { (name($0.key), $0.value) }))
    }

    @Test("names that are equal but not byte for byte are one series")
    func canonicalEquivalence() {
        var table = SeriesTable<String, Int>(limit: 10)
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        for (name, value) in [(composed, 1), (decomposed, 2), (composed, 3), (decomposed, 4)] {
            set(name, value, in: &table)
        }
        #expect(entries(table) == [name(composed): 4])
    }

    @Test("a copy keeps its values when the original goes on")
    func copies() {
        var table = SeriesTable<String, Int>(limit: 10)
        for name in ["a", "b", "c"] { set(name, 1, in: &table) }
        let copy = table
        set("a", 2, in: &table)
        table.remove("b")
        #expect(entries(copy) == [name("a"): 1, name("b"): 1, name("c"): 1])
        #expect(entries(table) == [name("a"): 2, name("c"): 1])
    }
}
