// Text as a terminal shows it: made harmless, measured in columns, and cut to fit.

/// Names come from the network. Nothing of them may move the cursor, colour the screen or turn the direction of writing.
enum TerminalText {
    /// The text with everything that is not shown as a sign of its own replaced. Of the marks above and below a sign only
    /// those stay that any language has: more of them reach into other lines.
    static func harmless(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return text }
        var result = String.UnicodeScalarView()
        var marks = 0
        for scalar in text.unicodeScalars {
            marks = width(scalar) == 0 ? marks + 1 : 0
            if marks <= markLimit { result.append(isHarmful(scalar) ? "\u{FFFD}" : scalar) }
        }
        return String(result)
    }

    private static let markLimit = 4

    /// Cut between two signs, to so many bytes at most.
    static func cut(_ text: String, bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var rest = bytes
        return String(
            text.prefix { character in
                rest -= character.utf8.count
                return rest >= 0
            }
        )
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }

    /// How many columns it takes.
    static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    /// Cut to so many columns, with an ellipsis, and filled up with blanks.
    static func fit(_ text: String, _ columns: Int, alignsRight: Bool = false, ellipsis: String = "…") -> String {
        guard columns > 0 else { return "" }
        let total = width(text)
        if total <= columns {
            let blanks = String(repeating: " ", count: columns - total)
            return alignsRight ? blanks + text : text + blanks
        }
        var result = ""
        var used = 0
        for character in text {
            let width = width(character)
            if used + width > columns - 1 { break }
            result.append(character)
            used += width
        }
        return result + ellipsis + String(repeating: " ", count: columns - 1 - used)
    }

    /// A painted line cut to so many columns; its escape codes take none.
    static func clip(_ line: String, _ columns: Int) -> String {
        var result = String.UnicodeScalarView()
        var used = 0
        var isCode = false
        // Not by characters: a mark at the beginning of a name would be one with the end of the code before it.
        for scalar in line.unicodeScalars {
            if scalar == "\u{1B}" { isCode = true }
            guard !isCode else {
                // Codes behind the end stay: one of them takes the colour off.
                result.append(scalar)
                isCode = scalar != "m"
                continue
            }
            used += width(scalar)
            if used <= columns { result.append(scalar) }
        }
        return String(result)
    }

    /// The text in lines of so many columns, broken at blanks where there are some.
    static func wrap(_ text: String, _ columns: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, width(line) + 1 + width(String(word)) > columns {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + (line.isEmpty ? [] : [line])
    }

    private static func width(_ character: Character) -> Int {
        // A flag or a family is several signs that are shown as one.
        let sign = character.unicodeScalars.reduce(0) { max($0, width($1)) }
        // The marks of half-width katakana stand beside what they belong to.
        return sign + (character.unicodeScalars.dropFirst().contains { (0xFF9E...0xFF9F).contains($0.value) } ? 1 : 0)
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        if scalar.value < 0x1100 { return 1 }
        if scalar.properties.isEmojiPresentation { return 2 }
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// What East Asian Width (Unicode, annex 11) calls wide or full width, in blocks.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
        0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF,
        0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}
