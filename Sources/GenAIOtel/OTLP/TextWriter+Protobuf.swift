// Tokens of protobuf, written by hand for the same reason as those of JSON.

/// A field's number and wire type, in one byte: no field that is written here has a number above 15.
struct ProtobufTag: Sendable {
    fileprivate let byte: UInt8

    /// A number or an enumeration; zigzag if it may be negative.
    static func varint(_ number: UInt8) -> ProtobufTag { ProtobufTag(byte: number << 3) }
    /// Eight bytes.
    static func fixed64(_ number: UInt8) -> ProtobufTag { ProtobufTag(byte: number << 3 | 1) }
    /// A string, bytes, a message or a packed list.
    static func delimited(_ number: UInt8) -> ProtobufTag { ProtobufTag(byte: number << 3 | 2) }
}

extension TextWriter {
    /// The bytes that are reserved for the length of a message whose length is not known yet: enough for 256 MiB. Protobuf
    /// allows a number to take more bytes than it needs.
    private static let lengthSize = 4

    /// Appends a message of unknown length.
    @inline(__always)
    mutating func message(_ tag: ProtobufTag, _ content: (inout TextWriter) -> Void) {
        append(tag.byte)
        let start = count
        skip(Self.lengthSize)
        content(&self)
        let length = count - start - Self.lengthSize
        for index in 0..<Self.lengthSize {
            let isLast = index == Self.lengthSize - 1
            fill(at: start + index, UInt8(length >> (7 * index) & 0x7F) | (isLast ? 0 : 0x80))
        }
    }

    /// Appends the tag and length of a message of known length; its content must follow.
    @inline(__always)
    mutating func header(_ tag: ProtobufTag, length: Int) {
        append(tag.byte)
        varint(UInt64(length))
    }

    @inline(__always)
    mutating func string(_ tag: ProtobufTag, _ text: String) {
        text.withUTF8Bytes { bytes in
            header(tag, length: bytes.count)
            append(bytes)
        }
    }

    @inline(__always)
    mutating func fixed64(_ tag: ProtobufTag, _ value: UInt64) {
        append(tag.byte)
        append(littleEndian: value)
    }

    @inline(__always)
    mutating func fixed64(_ tag: ProtobufTag, _ value: Double) { fixed64(tag, value.bitPattern) }

    @inline(__always)
    mutating func varint(_ tag: ProtobufTag, _ value: UInt64) {
        append(tag.byte)
        varint(value)
    }

    /// Appends a number seven bits at a time, the lowest first.
    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}

/// The sizes of what is written, in bytes.
enum ProtobufSize {
    static let fixed64 = 9

    @inline(__always)
    static func varint(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }

    /// A string, bytes, a message or a packed list, with its tag.
    @inline(__always)
    static func delimited(_ length: Int) -> Int { 1 + varint(UInt64(length)) + length }
}

extension Int {
    /// The number as sint32 or sint64: small ones are short, whatever their sign.
    var zigzag: UInt64 { UInt64(bitPattern: Int64(self << 1 ^ self >> (Int.bitWidth - 1))) }
}
