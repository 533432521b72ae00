// Trimming without Foundation.

extension Substring {
    /// The text without these characters at both ends; by default, without white space and line breaks.
    ///
    /// The first use of Foundation's `trimmingCharacters(in:)` would noticeably slow down `instrument()`.
    package func trimmed(of isSurplus: (Character) -> Bool = \.isWhitespace) -> String {
        guard let start = firstIndex(where: { !isSurplus($0) }), let end = lastIndex(where: { !isSurplus($0) }) else {
            return ""
        }
        return String(self[start...end])
    }
}

extension String {
    /// The same for a whole string.
    package func trimmed(of isSurplus: (Character) -> Bool = \.isWhitespace) -> String {
        self[...].trimmed(of: isSurplus)
    }
}
