// Arithmetic on counts and percentages that stops at the ends of the range instead of trapping.
//
// Inlinable: they run under the collector's lock, from another module.

extension Int {
    /// The nearest count: 0 for what is negative or no number, `Int.max` for what is too large.
    @inlinable
    package init(countNearest value: Double) {
        self = value > 0 ? Int(exactly: value.rounded()) ?? .max : 0
    }

    /// The sum, held between 0 and `Int.max`.
    @inlinable
    package func addingAsCount(_ delta: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(delta)
        return overflow ? (delta > 0 ? .max : 0) : Swift.max(sum, 0)
    }

    /// The difference, held between 0 and `Int.max`.
    @inlinable
    package func subtractingAsCount(_ delta: Int) -> Int {
        let (difference, overflow) = subtractingReportingOverflow(delta)
        return overflow ? (delta < 0 ? .max : 0) : Swift.max(difference, 0)
    }
}

extension UInt64 {
    /// The sum, or the largest number if that is less.
    @inlinable
    package func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The difference, or 0 if that is more.
    @inlinable
    package func subtractingSaturated(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}

extension Double {
    /// The value held between 0 and 100; nil for NaN and infinities.
    @inlinable
    package var asPercentage: Double? {
        isFinite ? Swift.min(Swift.max(self, 0), 100) : nil
    }
}
