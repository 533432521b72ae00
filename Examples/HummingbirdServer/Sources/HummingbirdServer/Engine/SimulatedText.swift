// What the simulated model says: words drawn from a seed, so that the same request gets the same answer.

import ExampleSupport

/// The tokens of one answer.
struct SimulatedText: Sequence, IteratorProtocol {
    private static let words = """
        the a model token cache block request server queue batch answer prompt time first every steady quick small large \
        waits runs grows holds frees reads writes counts measures keeps shows ends begins and then while because with \
        without over under after before
        """.split(separator: " ")

    private var random: SplitMix64
    private(set) var count = 0
    /// How many tokens the answer has if nothing limits it.
    let naturalLength: Int

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        // Most answers are short and a few are long.
        let uniform = Double.random(in: 0.02..<1, using: &random)
        naturalLength = Int(60 / uniform.squareRoot())
    }

    /// The next token, with the space that divides it from the one before; never nil.
    mutating func next() -> String? {
        count += 1
        let word = Self.words[Int(random.next() % UInt64(Self.words.count))]
        if count == 1 { return word.prefix(1).uppercased() + word.dropFirst() }
        return count % 14 == 0 ? " \(word)." : " \(word)"
    }
}
