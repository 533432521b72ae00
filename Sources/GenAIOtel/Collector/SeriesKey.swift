// What series are told apart by.

/// A key that can be hashed faster than `Hashable` does it, for ``PositionHints``.
protocol SeriesKey: Hashable, Sendable {
    /// The same for keys that are the same byte for byte. Keys that are only equal may differ, and others may collide.
    var quickHash: UInt64 { get }
}

extension String: SeriesKey {
    /// Eight bytes at a time, each mixed in by one multiplication.
    var quickHash: UInt64 {
        utf8.withContiguousStorageIfAvailable { Self.quickHash(UnsafeRawBufferPointer($0)) }
            // Only strings that belong to Objective-C have no such storage.
            ?? Array(utf8).withUnsafeBytes { Self.quickHash($0) }
    }

    private static func quickHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(bytes.count).quicklyMixed
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)).quicklyMixed
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return (hash ^ rest).quicklyMixed
    }
}

extension UInt64 {
    /// Every bit of the result depends on every bit of the number.
    var quicklyMixed: UInt64 {
        // An odd number whose bits look random: 2 to the power of 64, divided by the golden ratio.
        let (high, low) = multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return high ^ low
    }
}
