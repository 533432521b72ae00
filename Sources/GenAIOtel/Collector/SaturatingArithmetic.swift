// Arithmetic on counts that stops at the ends instead of trapping.

extension Int {
    /// The sum, held between 0 and `Int.max`.
    func addingAsCount(_ delta: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(delta)
        return overflow ? (delta > 0 ? .max : 0) : Swift.max(sum, 0)
    }

    /// The difference, held between 0 and `Int.max`.
    func subtractingAsCount(_ delta: Int) -> Int {
        let (difference, overflow) = subtractingReportingOverflow(delta)
        return overflow ? (delta < 0 ? .max : 0) : Swift.max(difference, 0)
    }
}

extension UInt64 {
    /// The sum, or the largest number if that is less.
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension Double {
    /// The value held between 0 and 100; nil for NaN and infinities.
    var asPercentage: Double? {
        isFinite ? Swift.min(Swift.max(self, 0), 100) : nil
    }
}
