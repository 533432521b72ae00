// The secret that lets others read the metrics.

import Foundation

/// What `Authorization: Bearer ...` must say. Its description does not show it.
package struct BearerToken: Sendable, CustomStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    /// Nil if it is empty, or has what can't stand in a header.
    package init?(_ text: String) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        bytes = Array(text.utf8)
    }

    /// Whether a header says it. Takes as long for any token of a length, so that it can't be guessed byte by byte.
    func isIn(_ header: String?) -> Bool {
        guard let header, let blank = header.firstIndex(of: " "), header[..<blank].lowercased() == "bearer" else {
            return false
        }
        let given = Array(header[header.index(after: blank)...].utf8)
        guard given.count == bytes.count else { return false }
        return zip(given, bytes).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    package var description: String { "BearerToken" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
