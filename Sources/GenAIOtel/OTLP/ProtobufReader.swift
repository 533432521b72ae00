// Reads the few protobuf messages that a collector answers with.

import GenAISupport

/// The fields of one protobuf message, in order (Protocol Buffers documentation, "Encoding").
///
/// The bytes are untrusted: a malformed field ends the sequence, and ``isDamaged`` says so.
struct ProtobufReader: Sequence, IteratorProtocol {
    enum Value: Equatable {
        case varint(UInt64)
        /// A string, bytes or a message.
        case bytes(ArraySlice<UInt8>)
        /// A number of four or eight bytes, which no field of an answer is.
        case fixed
    }

    /// Whether the message ended in the middle of a field.
    private(set) var isDamaged = false
    private var rest: ArraySlice<UInt8>

    init(_ message: ArraySlice<UInt8>) { rest = message }

    mutating func next() -> (number: UInt64, value: Value)? {
        guard !isDamaged, !rest.isEmpty else { return nil }
        guard let tag = varint(), tag >> 3 > 0, let value = value(wireType: tag & 7) else {
            isDamaged = true
            return nil
        }
        return (tag >> 3, value)
    }

    private mutating func value(wireType: UInt64) -> Value? {
        switch wireType {
        case 0: varint().map { .varint($0) }
        case 1: take(8).map { _ in .fixed }
        case 2: varint().flatMap { Int(exactly: $0) }.flatMap { take($0) }.map { .bytes($0) }
        case 5: take(4).map { _ in .fixed }
        // Groups, which are no longer in use.
        default: nil
        }
    }

    private mutating func varint() -> UInt64? {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

extension ProtobufReader {
    /// The last value of a field that holds a message, a string or bytes; nil if there is none or the message is damaged.
    static func bytes(_ number: UInt64, of message: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard case .bytes(let bytes) = value(number, of: message) else { return nil }
        return bytes
    }

    /// The last value of a field that holds text. Bytes that are not UTF-8 are replaced.
    static func text(_ number: UInt64, of message: ArraySlice<UInt8>) -> String? {
        bytes(number, of: message).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The last value of an int64 field; 0 if there is none.
    static func integer(_ number: UInt64, of message: ArraySlice<UInt8>) -> Int {
        guard case .varint(let bits) = value(number, of: message) else { return 0 }
        return Int(clamping: Int64(bitPattern: bits))
    }

    private static func value(_ number: UInt64, of message: ArraySlice<UInt8>) -> Value? {
        var reader = ProtobufReader(message)
        var result: Value?
        while let field = reader.next() {
            if field.number == number { result = field.value }
        }
        return reader.isDamaged ? nil : result
    }
}
