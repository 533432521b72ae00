// Text without what surrounds it.

extension Substring {
    /// The text without those characters at its ends; white space and line breaks, if not told otherwise.
    ///
    /// Not Foundation's `trimmingCharacters(in:)`, whose first use was a third of the work that starting takes.
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
