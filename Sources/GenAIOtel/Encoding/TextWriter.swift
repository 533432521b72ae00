// The output of encoders: memory of a fixed size, so that a token costs a comparison and a copy.

/// Appends UTF-8 text, or other bytes, to memory that was reserved for all of it.
///
/// Bytes that do not fit are only counted; ``bytes(capacity:_:)`` then starts over with the counted size. This is much
/// faster than a growing array, which checks at each token whether it is shared and has room.
struct TextWriter {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    /// The size of the text in bytes, including what did not fit.
    private(set) var count = 0

    private init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
        self.memory = memory
    }

    /// The text that `write` writes.
    ///
    /// - Parameters:
    ///   - capacity: in bytes, rather too many than too few: if there are too few, `write` is called twice.
    ///   - write: must write the same text at each call.
    static func bytes(capacity: Int, _ write: (inout TextWriter) -> Void) -> [UInt8] {
        var needed = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { memory, count in
            needed = fill(memory, write)
            count = min(needed, memory.count)
        }
        return needed == bytes.count ? bytes : Self.bytes(capacity: needed, write)
    }

    /// ``bytes(capacity:_:)`` as a string.
    static func string(capacity: Int, _ write: (inout TextWriter) -> Void) -> String {
        var needed = 0
        var available = 0
        let text = String(unsafeUninitializedCapacity: capacity) { memory in
            needed = fill(memory, write)
            available = memory.count
            return min(needed, available)
        }
        return needed <= available ? text : string(capacity: needed, write)
    }

    /// - Returns: the size of the text in bytes.
    private static func fill(_ memory: UnsafeMutableBufferPointer<UInt8>, _ write: (inout TextWriter) -> Void) -> Int {
        var writer = TextWriter(memory)
        write(&writer)
        return writer.count
    }
}

// MARK: - Tokens

extension TextWriter {
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if count < memory.count { memory[count] = byte }
        count += 1
    }

    @inline(__always)
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    mutating func append(_ text: String) {
        text.withUTF8Bytes { append($0) }
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if bytes.count <= memory.count - count, let source = bytes.baseAddress, let start = memory.baseAddress {
            (start + count).update(from: source, count: bytes.count)
        }
        count += bytes.count
    }

    /// Appends the eight bytes of a number, the lowest first.
    @inline(__always)
    mutating func append(littleEndian value: UInt64) {
        if memory.count - count >= 8, let start = memory.baseAddress {
            UnsafeMutableRawPointer(start + count).storeBytes(of: value.littleEndian, as: UInt64.self)
        }
        count += 8
    }

    /// Leaves out bytes that ``fill(at:_:)`` writes later.
    mutating func skip(_ length: Int) { count += length }

    /// Writes bytes that were left out.
    mutating func fill(at position: Int, _ byte: UInt8) {
        if position < memory.count { memory[position] = byte }
    }

    /// Appends a part of the earlier text again.
    mutating func repeatText(_ range: Range<Int>) {
        guard range.upperBound <= memory.count else {
            count += range.count
            return
        }
        append(UnsafeBufferPointer(rebasing: memory[range]))
    }

    /// Removes a text from the end, if it is there and did fit.
    mutating func removeSuffix(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        guard length <= count, count <= memory.count else { return }
        let end = UnsafeBufferPointer(rebasing: memory[(count - length)..<count])
        if end.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: length)) { count -= length }
    }

    /// Appends elements with a separator between them.
    @inline(__always)
    mutating func list<Element>(
        _ elements: [Element],
        separator: StaticString = ",",
        _ append: (inout TextWriter, borrowing Element) -> Void
    ) {
        // By position: a loop over the elements would retain and release each of them.
        elements.withUnsafeBufferPointer { elements in
            for position in elements.indices {
                if position > 0 { self.append(separator) }
                append(&self, elements[position])
            }
        }
    }
}

extension TextWriter: TextOutputStream {
    mutating func write(_ text: String) { append(text) }

    /// The standard library calls this for numbers if it exists; otherwise it makes a string for each.
    mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) { append(bytes) }
}

extension String {
    /// The bytes in place, without retaining the string.
    @inline(__always)
    func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        // Only bridged Objective-C strings have no contiguous storage.
        var copy = self
        return copy.withUTF8(body)
    }
}

// MARK: - Numbers

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
