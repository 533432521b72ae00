// Damages input by chance, the same way in every run.

/// Makes broken variants of something that is well formed; the same seed makes the same ones.
package struct Mutator {
    private var random: SeededGenerator
    private let tokens: [[UInt8]]

    /// - Parameter tokens: what is likely to upset whoever reads the input.
    package init(seed: UInt64, tokens: [String]) {
        random = SeededGenerator(seed: seed)
        self.tokens = tokens.map { Array($0.utf8) }
    }

    /// The original with one to four damages: bytes removed, replaced, repeated, inserted, flipped, or cut off.
    package mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes.replaceSubrange(start..<end, with: [])
            case 1: bytes.replaceSubrange(start..<end, with: tokens.randomElement(using: &random) ?? [])
            case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: start)
            case 4 where start < bytes.count: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default: bytes = Array(Bool.random(using: &random) ? bytes[start...] : bytes[..<start])
            }
        }
        return bytes
    }

    /// The same for text; what is no UTF-8 afterwards becomes U+FFFD.
    package mutating func mutate(_ original: String) -> String {
        String(decoding: mutate(Array(original.utf8)), as: UTF8.self)
    }
}
