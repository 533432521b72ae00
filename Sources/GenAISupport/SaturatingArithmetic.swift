// Arithmetic on counts and percentages that saturates instead of trapping.
//
// Inlinable, because it runs under the collector's lock, in another module.

extension Int {
    /// The nearest count: 0 for negative values and NaN, `Int.max` for values that are too large.
    @inlinable
    package init(countNearest value: Double) {
        self = value > 0 ? Int(exactly: value.rounded()) ?? .max : 0
    }

    /// The sum, clamped to 0 to `Int.max`.
    @inlinable
    package func addingAsCount(_ delta: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(delta)
        return overflow ? (delta > 0 ? .max : 0) : Swift.max(sum, 0)
    }

    /// The difference, clamped to 0 to `Int.max`.
    @inlinable
    package func subtractingAsCount(_ delta: Int) -> Int {
        let (difference, overflow) = subtractingReportingOverflow(delta)
        return overflow ? (delta < 0 ? .max : 0) : Swift.max(difference, 0)
    }
}

extension UInt64 {
    /// The sum, or `UInt64.max` if it overflows.
    @inlinable
    package func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The difference, or 0 if it would be negative.
    @inlinable
    package func subtractingSaturated(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}

extension Double {
    /// The value, clamped to 0 to 100; nil for NaN and infinities.
    @inlinable
    package var asPercentage: Double? {
        isFinite ? Swift.min(Swift.max(self, 0), 100) : nil
    }
}
