// The trace that a request belongs to.

/// Trace and span of a request (W3C Trace Context). In a dashboard, an exemplar leads from a slow request in a histogram to
/// its trace.
///
/// ``RequestConfiguration/currentTrace`` and ``ServerRequest/trace`` take it. A value: safe to pass between threads.
///
/// ```swift
/// let trace = RequestTrace(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
/// ```
public struct RequestTrace: Sendable, Hashable {
    let high: UInt64
    let low: UInt64
    let span: UInt64

    /// Whether the trace is recorded. By default, only requests of recorded traces become exemplars.
    public let isSampled: Bool

    init?(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool) {
        guard high | low != 0, span != 0 else { return nil }
        self.high = high
        self.low = low
        self.span = span
        self.isSampled = isSampled
    }

    /// Makes a trace from its ids, as tracing libraries give them; nil if one of them is not valid.
    ///
    /// ```swift
    /// let trace = RequestTrace(traceID: "0af7651916cd43dd8448eb211c80319c", spanID: "b7ad6b7169203331")
    /// ```
    ///
    /// - Parameters:
    ///   - traceID: 32 hexadecimal digits, in upper or lower case, not all 0.
    ///   - spanID: 16 hexadecimal digits, likewise.
    ///   - isSampled: whether the trace is recorded; see ``isSampled``.
    public init?(traceID: String, spanID: String, isSampled: Bool = true) {
        self.init(Array(traceID.utf8), Array(spanID.utf8), isSampled)
    }

    /// Makes a trace from a `traceparent` header; nil if the text is not a valid one.
    ///
    /// - Parameter traceParent: the header's value: version, trace, span and flags in lower-case hexadecimal digits. Versions
    ///   after 00 are accepted, with what they may add behind the flags.
    public init?(traceParent: String) {
        let text = Array(traceParent.utf8)
        let dash = UInt8(ascii: "-")
        // Versions after 00 may have more after the flags, behind another dash.
        guard text.count >= 55, text[2] == dash, text[35] == dash, text[52] == dash,
            !text.contains(where: { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 }),
            let version = Self.number(text[..<2]), version != 0xff, let flags = Self.number(text[53..<55]),
            version == 0 ? text.count == 55 : text.count == 55 || text[55] == dash
        else { return nil }
        self.init(Array(text[3..<35]), Array(text[36..<52]), flags & 1 == 1)
    }

    private init?(_ trace: [UInt8], _ span: [UInt8], _ isSampled: Bool) {
        guard trace.count == 32, span.count == 16, let high = Self.number(trace[..<16]),
            let low = Self.number(trace[16...]), let span = Self.number(span[...])
        else { return nil }
        self.init(high: high, low: low, span: span, isSampled: isSampled)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        for digit in digits {
            guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
            result = result << 4 | UInt64(value)
        }
        return result
    }

    /// The trace's id: 32 hexadecimal digits in lower case.
    public var traceID: String { TextWriter.string(capacity: 32) { $0.traceID(self) } }

    /// The span's id: 16 hexadecimal digits in lower case.
    public var spanID: String { TextWriter.string(capacity: 16) { $0.hexadecimal(span) } }
}

extension TextWriter {
    mutating func traceID(_ trace: RequestTrace) {
        hexadecimal(trace.high)
        hexadecimal(trace.low)
    }

    /// Appends 16 digits.
    mutating func hexadecimal(_ number: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
