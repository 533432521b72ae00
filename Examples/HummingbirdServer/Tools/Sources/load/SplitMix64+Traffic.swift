// Random numbers of the shapes that traffic has.

import ExampleSupport
import Foundation

extension SplitMix64 {
    /// True with the given probability.
    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    /// The time to the next event of a Poisson process.
    mutating func interval(rate: Double) -> Double { -log(positiveUniform()) / rate }

    /// A count that is mostly small and sometimes large: log-normal, within bounds.
    mutating func skewedCount(median: Double, spread: Double, in range: ClosedRange<Int>) -> Int {
        // Box and Muller's normal deviate.
        let normal = sqrt(-2 * log(positiveUniform())) * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
        return Int(min(max(median * exp(spread * normal), Double(range.lowerBound)), Double(range.upperBound)))
    }

    /// Between 0 and 1, never 0, of which there is no logarithm.
    private mutating func positiveUniform() -> Double { 1 - Double.random(in: 0..<1, using: &self) }
}
