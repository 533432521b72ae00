// How lines look: colours that can be read on light and dark terminals, and signs that the terminal has.

/// The look of a frame.
package struct Theme: Sendable, Equatable {
    /// Whether escape codes for colours are written.
    package var hasColors: Bool
    /// Whether block elements and the like can be shown.
    package var isUnicode: Bool

    package init(hasColors: Bool, isUnicode: Bool) {
        self.hasColors = hasColors
        self.isUnicode = isUnicode
    }

    /// As the environment asks: `NO_COLOR`, `TERM`, and the locale.
    package init(environment: [String: String], isTerminal: Bool) {
        func isSet(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].first(where: isSet).flatMap { environment[$0] } ?? ""
        let letters = locale.lowercased().filter { $0 != "-" }
        hasColors = isTerminal && !isSet("NO_COLOR") && environment["TERM"] != "dumb"
        isUnicode = letters.contains("utf8")
    }

    /// The plain colours of the terminal's own scheme. Yellow is missing because white terminals hide it, blue because black
    /// ones do.
    enum Style: String, Sendable {
        case plain = ""
        case strong = "1"
        case faint = "2"
        case good = "32"
        case bad = "31"
        case attention = "35"
        case accent = "36"
    }

    func paint(_ text: String, _ style: Style) -> String {
        guard hasColors, style != .plain, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    var full: String { isUnicode ? "█" : "#" }
    var half: String { isUnicode ? "▒" : "+" }
    var empty: String { isUnicode ? "░" : "." }
    var ellipsis: String { isUnicode ? "…" : "~" }
    var none: String { isUnicode ? "–" : "-" }
    var up: String { isUnicode ? "●" : "*" }
    var idle: String { isUnicode ? "○" : "o" }
    var down: String { isUnicode ? "✖" : "x" }
    var degree: String { isUnicode ? "°C" : "C" }
    /// From nothing to all.
    var levels: [String] {
        isUnicode ? ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] : ["_", ".", ":", "-", "=", "+", "*", "#"]
    }
}
