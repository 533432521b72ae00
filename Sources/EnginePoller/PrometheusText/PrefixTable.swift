// Finds out quickly that a line is of no interest.

/// A set of texts, looked up by the bytes at a place in a line.
struct PrefixTable: Sendable {
    private typealias Entry = (text: String, bytes: [UInt8])

    /// By first byte: most lines of a page are done with after one look.
    private let entries: [[Entry]]

    init(_ texts: [String]) {
        var entries = [[Entry]](repeating: [], count: 256)
        for text in texts {
            let bytes = Array(text.utf8)
            if let first = bytes.first { entries[Int(first)].append((text, bytes)) }
        }
        self.entries = entries
    }

    /// Passes over one of the texts if it stands at the cursor and the byte after it satisfies `next`.
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
