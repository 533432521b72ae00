import Testing

@testable import GenAIOtel

@Suite("RequestTrace")
struct RequestTraceTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    @Test(
        "a traceparent header is read by the rules of its version",
        arguments: [
            ("00-\(trace)-\(span)-01", true), ("00-\(trace)-\(span)-00", false), ("00-\(trace)-\(span)-ff", true),
            ("cc-\(trace)-\(span)-01", true), ("cc-\(trace)-\(span)-01-more", true),
        ]
    )
    func traceParent(text: String, isSampled: Bool) {
        let trace = RequestTrace(traceParent: text)
        #expect(trace?.traceID == Self.trace)
        #expect(trace?.spanID == Self.span)
        #expect(trace?.isSampled == isSampled)
    }

    @Test(
        "what is no traceparent is nil",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-01-more",
            "ff-\(trace)-\(span)-01", "00-\(trace.uppercased())-\(span)-01", "00_\(trace)-\(span)-01",
            "00-\(String(repeating: "0", count: 32))-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace.dropLast())g-\(span)-01", "0g-\(trace)-\(span)-01", "00-\(trace)-\(span)-0x",
            "cc-\(trace)-\(span)-01x", " 00-\(trace)-\(span)-01", "00-\(trace)-\(span)-0é",
        ]
    )
    func noTraceParent(text: String) {
        #expect(RequestTrace(traceParent: text) == nil)
    }

    @Test("ids are hexadecimal digits in any case, not all 0")
    func ids() {
        #expect(RequestTrace(traceID: Self.trace.uppercased(), spanID: Self.span)?.traceID == Self.trace)
        #expect(RequestTrace(traceID: Self.trace, spanID: Self.span)?.isSampled == true)
        #expect(
            RequestTrace(traceID: "0000000000000000000000000000000a", spanID: "000000000000000b")?.spanID.last == "b"
        )
        for (trace, span) in [
            ("", ""), (Self.trace, ""), (Self.trace + "0", Self.span), (Self.trace, "0000000000000000"),
        ] {
            #expect(RequestTrace(traceID: trace, spanID: span) == nil)
        }
    }
}
