// How numbers are written.

extension TextWriter {
    /// Appends a decimal integer.
    mutating func integer(_ value: some FixedWidthInteger) {
        if value < 0 { append(UInt8(ascii: "-")) }
        digits(UInt64(value.magnitude))
    }

    /// Appends the shortest decimal number that reads back as the same double. The value must be finite.
    ///
    /// - Parameter isWhole: whether whole numbers have no `.0`.
    mutating func double(_ value: Double, wholeWithoutPoint isWhole: Bool = false) {
        assert(value.isFinite, "neither JSON nor this function has a text for NaN and infinity")
        if let thousandths = value.exactThousandths {
            decimal(thousandths: thousandths, wholeWithoutPoint: isWhole)
            return
        }
        value.write(to: &self)
        if isWhole { removeSuffix(".0") }
    }

    private mutating func decimal(thousandths: UInt64, wholeWithoutPoint isWhole: Bool) {
        let (whole, fraction) = thousandths.quotientAndRemainder(dividingBy: 1_000)
        digits(whole)
        if fraction == 0 {
            if !isWhole { append(".0") }
            return
        }
        append(UInt8(ascii: "."))
        var (rest, unit) = (fraction, UInt64(100))
        while rest > 0 {
            append(UInt8(ascii: "0") + UInt8(rest / unit))
            (rest, unit) = (rest % unit, unit / 10)
        }
    }

    private mutating func digits(_ value: UInt64) {
        // From the last digit to the first, because that is how they come.
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

extension Double {
    /// The number times a thousand, if it is what a decimal number with up to three digits after the point reads as.
    ///
    /// Such a decimal number is the shortest one there is: it has at most 15 digits, and no two of those read as the same
    /// double. A percentage often is one, and a point with it takes 64 ns instead of 111.
    fileprivate var exactThousandths: UInt64? {
        // Not negative, and minus zero neither.
        guard sign == .plus, self < 1e12 else { return nil }
        let thousandths = (self * 1_000).rounded()
        return thousandths / 1_000 == self ? UInt64(thousandths) : nil
    }
}
