// Appends lines of the Prometheus text format to a byte buffer.

/// A growing buffer of samples in the Prometheus text format.
struct PrometheusTextWriter {
    var bytes: [UInt8] = []

    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// What stands once before all samples of a metric.
    mutating func header(_ name: String, type: String, help: String) {
        bytes += "# HELP \(name) ".utf8
        Self.appendEscaped(help, quotes: false, to: &bytes)
        bytes += "\n# TYPE \(name) \(type)\n".utf8
    }

    mutating func sample(_ name: String, _ point: NumberPoint) {
        let value =
            switch point.value {
            case .int(let value): value.description
            case .double(let value): Self.number(value)
            }
        sample(name, labels: Self.encoded(point.attributes), value)
    }

    /// - Parameter bounds: the values of the label `le`.
    mutating func histogram(_ name: String, _ bounds: [String], _ point: HistogramPoint) {
        let labels = Self.encoded(point.attributes)
        let comma: StaticString = labels.isEmpty ? "" : ","
        var cumulative: UInt64 = 0
        for (bound, count) in zip(bounds, point.bucketCounts) {
            cumulative = cumulative.addingSaturated(count)
            append(name, "_bucket{")
            bytes += labels
            comma.withUTF8Buffer { bytes.append(contentsOf: $0) }
            append("le=\"", bound, "\"} ", cumulative.description, "\n")
        }
        sample(name, suffix: "_sum", labels: labels, Self.number(point.sum))
        sample(name, suffix: "_count", labels: labels, point.count.description)
    }

    /// - Parameter labels: from ``encoded(_:)``.
    mutating func sample(_ name: String, suffix: String = "", labels: [UInt8], _ value: String) {
        append(name, suffix)
        if !labels.isEmpty {
            append("{")
            bytes += labels
            append("}")
        }
        append(" ", value, "\n")
    }

    private mutating func append(_ texts: String...) {
        for text in texts { bytes += text.utf8 }
    }
}

// MARK: - Parts of a line

extension PrometheusTextWriter {
    /// `key="value",...`, without braces.
    static func encoded(_ attributes: [Attribute]) -> [UInt8] {
        var bytes: [UInt8] = []
        for attribute in attributes {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes += sanitized(attribute.key).utf8
            bytes += "=\"".utf8
            appendEscaped(text(attribute.value), quotes: true, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        return bytes
    }

    static func text(_ value: AttributeValue) -> String {
        switch value {
        case .string(let text): text
        case .int(let number): number.description
        case .bool(let flag): flag ? "true" : "false"
        }
    }

    /// As Go writes it: whole numbers without a point.
    static func number(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// The name of a metric or a label: letters, digits and single underscores, not beginning with a digit. Names that
    /// begin with two underscores are Prometheus's own.
    static func sanitized(_ name: String) -> String {
        var result: [UInt8] = []
        for byte in name.utf8 {
            let character = isAllowed(byte) ? byte : UInt8(ascii: "_")
            if character == UInt8(ascii: "_"), result.last == character { continue }
            result.append(character)
        }
        if let first = result.first, isDigit(first) { result.insert(contentsOf: "key_".utf8, at: 0) }
        return result.isEmpty ? "_" : String(decoding: result, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: isDigit(byte)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func appendEscaped(_ text: String, quotes: Bool, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
            // There is no escape for it, and Prometheus takes it for the end of the text.
            case 0: bytes += "\u{FFFD}".utf8
            default: bytes.append(byte)
            }
        }
    }
}
