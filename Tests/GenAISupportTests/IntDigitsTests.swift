import GenAISupport
import Testing

@Suite("Int(digits:)")
struct IntDigitsTests {
    @Test(
        "reads digits",
        arguments: [("0", 0), ("007", 7), ("65535", 65_535), ("9223372036854775807", Int.max)]
    )
    func digits(text: String, number: Int) {
        #expect(Int(digits: text) == number)
        #expect(Int(digits: "x\(text)".dropFirst()) == number)
    }

    @Test(
        "takes nothing else, and nothing that does not fit",
        arguments: [
            "", "+1", "-1", " 1", "1 ", "1.0", "1e3", "0x10", "٣", "１", "1\u{0}", "9223372036854775808",
            "99999999999999999999",
        ]
    )
    func others(text: String) {
        #expect(Int(digits: text) == nil)
    }
}
