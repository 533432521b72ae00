import GenAISupport
import Testing

@Suite("trimmed(of:)")
struct TrimmingTests {
    @Test(
        "takes white space and line breaks away at both ends, and nothing inside",
        arguments: [
            ("", ""), ("  \t\r\n ", ""), ("a", "a"), (" a b\t", "a b"), ("\r\nvalue\r\n", "value"),
            ("\u{A0}\u{2003}x\u{2028}", "x"), ("é\u{301} ", "é\u{301}"),
        ]
    )
    func whiteSpace(text: String, trimmed: String) {
        #expect(text.trimmed() == trimmed)
        #expect("-\(text)".dropFirst().trimmed() == trimmed)
    }

    @Test("takes other characters away if told so")
    func others() {
        #expect("[[::1]]".trimmed { $0 == "[" || $0 == "]" } == "::1")
    }
}
