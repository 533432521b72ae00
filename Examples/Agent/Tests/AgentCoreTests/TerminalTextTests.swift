import Testing

@testable import AgentCore

@Suite("Text on a terminal")
struct TerminalTextTests {
    @Test(
        "nothing of a name reaches the terminal but signs",
        arguments: [
            ("a\u{1B}[2Jb", "a\u{FFFD}[2Jb"), ("a\r\nb\t", "a\u{FFFD}\u{FFFD}b\u{FFFD}"), ("\u{9B}31m", "\u{FFFD}31m"),
            ("abc\u{202E}gpj", "abc\u{FFFD}gpj"), ("a\u{2028}b", "a\u{FFFD}b"), ("Llama-3 モデル", "Llama-3 モデル"),
            ("é", "é"),
        ]
    )
    func harmless(text: String, expected: String) { #expect(TerminalText.harmless(text) == expected) }

    @Test(
        "columns",
        arguments: [
            ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("模型", 4), ("ﾓﾃﾞﾙ", 4), ("한국어", 6), ("🦙", 2), ("👨‍👩‍👧", 2),
            ("█░", 2),
        ]
    )
    func width(text: String, columns: Int) { #expect(TerminalText.width(text) == columns) }

    @Test("cut and filled up to exactly as many columns")
    func fit() {
        #expect(TerminalText.fit("abc", 5) == "abc  ")
        #expect(TerminalText.fit("abc", 5, alignsRight: true) == "  abc")
        #expect(TerminalText.fit("abcdef", 5) == "abcd…")
        #expect(TerminalText.fit("模型模型", 6) == "模型… ")
        #expect(TerminalText.fit("abc", 0) == "")
        for columns in 1...12 { #expect(TerminalText.width(TerminalText.fit("a模b型c🦙def", columns)) == columns) }
    }

    @Test("a sign has no more marks than languages have")
    func marks() {
        let tower = "a" + String(repeating: "\u{301}", count: 1_000)
        let shown = TerminalText.harmless("\(tower)b\u{5B8}\u{5BC}")
        #expect(Array(shown.unicodeScalars) == Array("a\u{301}\u{301}\u{301}\u{301}b\u{5B8}\u{5BC}".unicodeScalars))
    }

    @Test("cut between signs")
    func cut() {
        #expect(TerminalText.cut("abcdef", bytes: 6) == "abcdef" && TerminalText.cut("abcdef", bytes: 4) == "abcd")
        #expect(TerminalText.cut("a模型", bytes: 6) == "a模" && TerminalText.cut("👨‍👩‍👧a", bytes: 8) == "")
        #expect(TerminalText.cut("e\u{301}e\u{301}", bytes: 5) == "e\u{301}")
    }

    @Test("broken at blanks")
    func wrap() {
        #expect(TerminalText.wrap("one two three", 7) == ["one two", "three"])
        #expect(TerminalText.wrap("incomprehensible", 4) == ["incomprehensible"])
        #expect(TerminalText.wrap("", 4) == [])
    }

    @Test(
        "numbers in five columns",
        arguments: [
            (nil, "–"), (0, "0"), (0.01, "0.0"), (0.44, "0.4"), (9.9, "9.9"), (12.4, "12"), (999.4, "999"),
            (999.6, "1.0k"),
            (3_140, "3.1k"), (12_400, "12k"), (1_240_000, "1.2M"), (1e30, ">999T"), (.nan, "–"),
        ] as [(Double?, String)]
    )
    func numbers(value: Double?, text: String) { #expect(FigureText.number(value, none: "–") == text) }

    @Test(
        "times in five columns",
        arguments: [
            (nil, "–"), (0, "0ms"), (0.000_85, "850µs"), (0.0214, "21ms"), (0.0014, "1.4ms"), (0.9996, "1.0s"),
            (1.24, "1.2s"),
            (45, "45s"), (720, "12m"), (90_000, "25h"), (-1, "–"), (.infinity, "–"),
        ] as [(Double?, String)]
    )
    func times(value: Double?, text: String) { #expect(FigureText.seconds(value, none: "–") == text) }

    @Test("memory, and shares of it")
    func memory() {
        #expect(FigureText.memory(1 << 30, of: 80 << 30, none: "–") == "1.0/80.0 GiB")
        #expect(FigureText.memory(150 << 30, of: 192 << 30, none: "–") == "150/192 GiB")
        #expect(FigureText.memory(nil, of: nil, none: "–") == "–")
        #expect(FigureText.percent(62.5, none: "–") == "62%")
        #expect(FigureText.percent(1_000, none: "–") == "100%")
    }
}
