// Tokens of JSON, written by hand because JSONEncoder is far slower and allocates for every point.

extension TextWriter {
    /// Appends a string literal, quoted and escaped (RFC 8259, section 7).
    mutating func jsonString(_ text: String) {
        append(UInt8(ascii: "\""))
        text.withUTF8Bytes { bytes in
            if Self.isPlain(bytes) { append(bytes) } else { appendEscaped(bytes) }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends a 64-bit integer as a decimal string, as OTLP wants it.
    mutating func quotedInteger(_ value: some FixedWidthInteger) {
        append(UInt8(ascii: "\""))
        integer(value)
        append(UInt8(ascii: "\""))
    }

    /// Whether nothing needs escaping. Checks all bytes, without an early exit, so that the loop is vectorised.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var found = false
        for byte in bytes {
            let isSpecial = byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
            found = found || isSpecial
        }
        return !found
    }

    private mutating func appendEscaped(_ bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\r"): append("\\r")
            case UInt8(ascii: "\t"): append("\\t")
            case 0..<0x20: appendCode(byte)
            default: append(byte)
            }
        }
    }

    /// Appends `\u00xx`.
    private mutating func appendCode(_ byte: UInt8) {
        append(byte < 0x10 ? "\\u000" : "\\u001")
        let low = byte & 0xF
        append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
}
