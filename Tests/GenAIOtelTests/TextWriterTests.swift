import Foundation
import TestSupport
import Testing

@testable import GenAIOtel

@Suite struct TextWriterTests {
    private func text(_ value: Double, wholeWithoutPoint: Bool = false) -> String {
        TextWriter.string(capacity: 32) { $0.double(value, wholeWithoutPoint: wholeWithoutPoint) }
    }

    @Test("the text is the same however little memory it was given", arguments: 0...80)
    func capacity(_ capacity: Int) {
        func write(_ writer: inout TextWriter) {
            writer.append("[")
            writer.list(["a", "b\n", "é"]) { $0.jsonString($1) }
            let start = writer.count
            writer.integer(Int.min)
            writer.double(0.1 + 0.2)
            writer.repeatText(start..<writer.count)
            writer.append(UInt8(ascii: "]"))
        }
        let expected = #"["a","b\n","é"-92233720368547758080.30000000000000004-92233720368547758080.30000000000000004]"#
        #expect(TextWriter.string(capacity: capacity, write) == expected)
        #expect(TextWriter.bytes(capacity: capacity, write) == Array(expected.utf8))
    }

    @Test("nothing is written as nothing")
    func empty() {
        #expect(TextWriter.bytes(capacity: 0) { _ in } == [])
        #expect(TextWriter.string(capacity: 0) { _ in } == "")
    }

    @Test("integers of all sizes", arguments: [0, 9, 10, -1, 1_234_567_890, .max, .min])
    func integers(_ value: Int) {
        #expect(TextWriter.string(capacity: 32) { $0.integer(value) } == String(value))
    }

    @Test("the largest unsigned integer")
    func unsigned() {
        #expect(TextWriter.string(capacity: 32) { $0.integer(UInt64.max) } == String(UInt64.max))
    }

    @Test(
        "doubles at the edges of what is written without a string",
        arguments: [
            0, -0.0, 0.001, 0.0005, 0.0015, 0.1, 0.999, 1, 1.005, 99.95, 100, 1e11, 999_999_999_999,
            999_999_999_999.999,
            1e12, 1e15, 1e16, -1, -0.5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .pi, 1.0.nextUp, 0.001.nextUp,
        ]
    )
    func edges(_ value: Double) {
        #expect(text(value) == value.description)
    }

    @Test("doubles are as short as the standard library writes them", arguments: 1...4)
    func doubles(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let decimal = Double(UInt64.random(in: 0...2_000_000_000_000_000, using: &generator)) / 1_000
            let short = Double(UInt64.random(in: 0...100_000, using: &generator)) / 1_000
            let any = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &generator))
            for value in [decimal, decimal.nextUp, short, short.nextDown, any] where value.isFinite {
                #expect(text(value) == value.description)
            }
        }
    }

    @Test(
        "whole numbers have no point if that is wanted",
        arguments: [(0.0, "0"), (7, "7"), (1e15, "1000000000000000"), (0.5, "0.5")]
    )
    func wholeNumbers(value: Double, expected: String) {
        #expect(text(value, wholeWithoutPoint: true) == expected)
    }

    @Test("every character of JSON that must be escaped is, and reads back")
    func escaping() throws {
        let all = String(String.UnicodeScalarView((0...0x2FF).compactMap(Unicode.Scalar.init)))
        let json = TextWriter.bytes(capacity: 16) { writer in
            writer.append("[")
            writer.jsonString(all)
            writer.append("]")
        }
        #expect(try JSONDecoder().decode([String].self, from: Data(json)) == [all])
    }
}
