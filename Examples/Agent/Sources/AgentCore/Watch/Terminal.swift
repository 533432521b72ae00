// The terminal: its size, its keys, the screen that is given back as it was.

import Foundation

/// A terminal of which this program has a screen of its own until ``leave()``.
final class Terminal {
    private var former: termios?
    private let readsKeys: Bool
    private let output: Output

    /// - Parameter readsKeys: whether keys come one by one, unseen.
    init(_ output: Output, readsKeys: Bool) {
        self.output = output
        self.readsKeys = readsKeys
    }

    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }
    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

    /// The window's size; 80 x 24 where nobody knows.
    static var size: Frame.Size {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return Frame.Size(columns: 80, rows: 24)
        }
        return Frame.Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
    }

    func enter() {
        if readsKeys {
            var settings = termios()
            if tcgetattr(STDIN_FILENO, &settings) == 0 {
                former = settings
                settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
                tcsetattr(STDIN_FILENO, TCSANOW, &settings)
            }
        }
        output.write(Self.begin)
    }

    func leave() {
        // One that is stopped can't be given back.
        output.write(Self.end, patience: 100)
        if var former { tcsetattr(STDIN_FILENO, TCSANOW, &former) }
        former = nil
    }

    /// The other screen, without a cursor.
    static let begin = "\u{1B}[?1049h\u{1B}[?25l"
    static let end = "\u{1B}[?25h\u{1B}[?1049l"

    /// A frame over the former one, which is not wiped first: that would flicker.
    static func overwriting(_ lines: [String]) -> String {
        "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J"
    }
}
