// Where encoders write: memory of a fixed size, so that a token costs a comparison and a copy.

/// Appends UTF-8 text to memory that was set aside for all of it.
///
/// What does not fit is counted instead of written, and ``bytes(capacity:_:)`` begins again with as much memory as was
/// counted. An array that grows checks at each token whether it is shared and has room: 10 000 points take 1.9 ms with
/// one, and 0.64 ms so.
struct TextWriter {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    /// How many bytes the text has, those that did not fit included.
    private(set) var count = 0

    private init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
        self.memory = memory
    }

    /// The text that `write` writes.
    ///
    /// - Parameters:
    ///   - capacity: in bytes, rather too much: if it is too little, `write` is called twice.
    ///   - write: must write the same when it is called again.
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

    /// - Returns: how many bytes the text has.
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

    /// Appends once more what was written before.
    mutating func repeatText(_ range: Range<Int>) {
        guard range.upperBound <= memory.count else {
            count += range.count
            return
        }
        append(UnsafeBufferPointer(rebasing: memory[range]))
    }

    /// Takes a text back, if it was the last that was written and there was room for it.
    mutating func removeSuffix(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        guard length <= count, count <= memory.count else { return }
        let end = UnsafeBufferPointer(rebasing: memory[(count - length)..<count])
        if end.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: length)) { count -= length }
    }

    /// Appends elements with something between them.
    @inline(__always)
    mutating func list<Element>(
        _ elements: [Element],
        separator: StaticString = ",",
        _ append: (inout TextWriter, borrowing Element) -> Void
    ) {
        // By position: a loop over the elements would retain and release what each of them refers to.
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

    /// What the standard library calls for numbers, if there is such a function: a string for each took 17 ns more of 132
    /// for a point.
    mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) { append(bytes) }
}

extension String {
    /// The bytes where they are, without retaining the string.
    @inline(__always)
    func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        // Only strings that belong to Objective-C have no such storage.
        var copy = self
        return copy.withUTF8(body)
    }
}
