// Finds quickly which of several texts a line begins with, if any.

/// A set of texts, searched at a position in a line.
struct PrefixTable: Sendable {
    private typealias Entry = (text: String, bytes: [UInt8])

    /// By first byte, so that most lines need one comparison.
    private let entries: [[Entry]]

    init(_ texts: [String]) {
        var entries = [[Entry]](repeating: [], count: 256)
        for text in texts {
            let bytes = Array(text.utf8)
            if let first = bytes.first { entries[Int(first)].append((text, bytes)) }
        }
        self.entries = entries
    }

    /// Skips one of the texts if it is at the cursor and `next` accepts the byte after it.
    func take(from cursor: inout LineCursor, where next: (UInt8?) -> Bool) -> String? {
        guard let first = cursor.current else { return nil }
        for entry in entries[Int(first)] {
            var end = cursor
            if end.take(entry.bytes), next(end.current) {
                cursor = end
                return entry.text
            }
        }
        return nil
    }
}
