// Strict parsing of whole numbers, as protocols and files write them.

extension Int {
    /// The value of a text of ASCII digits. Nil if it is empty, contains anything else, such as a sign, or exceeds
    /// `Int.max`.
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
    /// Whether it is an ASCII digit.
    // Inlinable for the Prometheus encoder, which checks every byte of a name.
    @inlinable
    package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
