// Appends JSON to a byte buffer. Written by hand: Codable takes forty times as long and allocates for every point.

/// A growing buffer of JSON text. It writes tokens; that they follow one another rightly is the caller's part.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Used again for each double: `description` would allocate a string for each.
    private var number = ""

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
        number.reserveCapacity(32)
    }

    /// Appends JSON text as it stands.
    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes that are JSON text already.
    mutating func raw(_ text: [UInt8]) {
        bytes.append(contentsOf: text)
    }

    /// Appends elements with commas between them.
    mutating func list<Elements: Sequence>(_ elements: Elements, _ append: (inout JSONWriter, Elements.Element) -> Void)
    {
        var isFirst = true
        for element in elements {
            if !isFirst { raw(",") }
            isFirst = false
            append(&self, element)
        }
    }

    /// Appends a string literal, quoted and escaped (RFC 8259, section 7).
    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { appendEscaped($0) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a 64-bit integer as a decimal string, as OTLP wants it.
    mutating func quotedInteger(_ value: some FixedWidthInteger) {
        bytes.append(UInt8(ascii: "\""))
        integer(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a decimal integer.
    mutating func integer(_ value: some FixedWidthInteger) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = UInt64(value.magnitude)
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        // Not `bytes[start...].reverse()`: that copies the slice, which is one allocation for each number.
        var (low, high) = (start, bytes.count - 1)
        while low < high {
            bytes.swapAt(low, high)
            (low, high) = (low + 1, high - 1)
        }
    }

    /// Appends the shortest decimal number that reads back as the same double. The value must be finite.
    mutating func double(_ value: Double) {
        assert(value.isFinite, "JSON has no NaN and no infinity")
        number.removeAll(keepingCapacity: true)
        value.write(to: &number)
        bytes.append(contentsOf: number.utf8)
    }

    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var start = 0
        for index in text.indices where Self.needsEscape(text[index]) {
            bytes.append(contentsOf: text[start..<index])
            escape(text[index])
            start = index + 1
        }
        bytes.append(contentsOf: text[start...])
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case UInt8(ascii: "\n"): raw("\\n")
        case UInt8(ascii: "\r"): raw("\\r")
        case UInt8(ascii: "\t"): raw("\\t")
        default:
            raw(byte < 0x10 ? "\\u000" : "\\u001")
            bytes.append(Array("0123456789abcdef".utf8)[Int(byte & 0xF)])
        }
    }
}
