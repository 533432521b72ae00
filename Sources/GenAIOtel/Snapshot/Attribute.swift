// The attributes of points and of the resource.

/// One attribute of a point or of the resource.
package struct Attribute: Sendable, Hashable {
    package var key: String
    package var value: AttributeValue

    package init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}

/// The kinds of attribute values that this package uses.
package enum AttributeValue: Sendable, Hashable {
    case string(String)
    case int(Int)
    case bool(Bool)

    var text: String {
        switch self {
        case .string(let text): text
        case .int(let number): number.description
        case .bool(let flag): flag ? "true" : "false"
        }
    }
}

extension Attribute {
    /// The longest attribute value from outside, in bytes of UTF-8.
    package static let longestValue = 256

    /// Marks the shared point of all series beyond the cardinality limit (metrics SDK specification).
    static let overflow = Attribute("otel.metric.overflow", .bool(true))

    /// The text, cut to ``longestValue`` bytes between Unicode scalars.
    static func cut(_ text: String) -> String {
        guard text.utf8.count > longestValue else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: longestValue)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }
}
