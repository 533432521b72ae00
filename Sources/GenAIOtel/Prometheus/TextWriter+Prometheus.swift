// Tokens of the Prometheus text format.

extension TextWriter {
    /// Appends `key="value",...`, without braces.
    mutating func labels(_ attributes: [Attribute]) {
        list(attributes) { writer, attribute in
            writer.prometheusName(attribute.key)
            writer.append("=\"")
            writer.labelValue(attribute.value)
            writer.append("\"")
        }
    }

    /// Appends the name of a metric or a label: letters, digits and single underscores, not beginning with a digit.
    /// Prometheus reserves names that begin with two underscores.
    mutating func prometheusName(_ name: String) {
        name.withUTF8Bytes { bytes in
            var previous: UInt8?
            if let first = bytes.first, first.isDigit { append("key_") }
            for byte in bytes {
                let character = Self.isAllowed(byte) ? byte : UInt8(ascii: "_")
                if character != UInt8(ascii: "_") || previous != character { append(character) }
                previous = character
            }
            if bytes.isEmpty { append("_") }
        }
    }

    private mutating func labelValue(_ value: AttributeValue) {
        switch value {
        case .string(let text): prometheusText(text, escapingQuotes: true)
        case .int(let number): integer(number)
        case .bool(let flag): append(flag ? "true" : "false")
        }
    }

    mutating func prometheusText(_ text: String, escapingQuotes: Bool) {
        text.withUTF8Bytes { bytes in
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\\"): append("\\\\")
                case UInt8(ascii: "\n"): append("\\n")
                case UInt8(ascii: "\"") where escapingQuotes: append("\\\"")
                // NUL has no escape, and Prometheus takes it for the end of the text.
                case 0: append("\u{FFFD}")
                default: append(byte)
                }
            }
        }
    }

    /// Appends a number as Go writes it: whole numbers without a point.
    mutating func prometheusNumber(_ value: NumberValue) {
        switch value {
        case .int(let number): integer(number)
        case .double(let number): double(number, wholeWithoutPoint: true)
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: byte.isDigit
        }
    }
}
