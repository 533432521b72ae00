// Appends numbers.

extension TextWriter {
    /// Appends a decimal integer.
    mutating func integer(_ value: some FixedWidthInteger) {
        if value < 0 { append(UInt8(ascii: "-")) }
        digits(UInt64(value.magnitude))
    }

    /// Appends the shortest decimal number that parses to the same double. The value must be finite.
    ///
    /// - Parameter isWhole: whether to write whole numbers without `.0`.
    mutating func double(_ value: Double, wholeWithoutPoint isWhole: Bool = false) {
        assert(value.isFinite, "NaN and infinity have no JSON text")
        value.write(to: &self)
        if isWhole { removeSuffix(".0") }
    }

    private mutating func digits(_ value: UInt64) {
        // From the last digit to the first.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var start = buffer.count
            var rest = value
            repeat {
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeBufferPointer(rebasing: buffer[start...]))
        }
    }
}
