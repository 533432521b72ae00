// Whole numbers as protocols and files write them.

extension Int {
    /// The number that a text of ASCII digits means; nil if there is anything else in it, such as a sign, if it is empty, or
    /// if the number is larger than an `Int`.
    package init?(digits text: Substring) {
        guard !text.isEmpty else { return nil }
        self = 0
        for byte in text.utf8 {
            guard byte.isDigit else { return nil }
            let (product, isTooLarge) = multipliedReportingOverflow(by: 10)
            let (sum, isSumTooLarge) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !isTooLarge, !isSumTooLarge else { return nil }
            self = sum
        }
    }

    /// The same for a whole string.
    package init?(digits text: String) { self.init(digits: text[...]) }
}

extension UInt8 {
    /// Whether it is the code of an ASCII digit.
    // Inlinable for the encoder of Prometheus text, which looks at each byte of a name.
    @inlinable
    package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
