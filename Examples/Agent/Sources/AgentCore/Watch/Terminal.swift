// The terminal: its size, its keys, the screen that is given back as it was.

import Foundation

/// A terminal of which this program has a screen of its own until ``leave()``.
final class Terminal {
    private var former: termios?
    private let readsKeys: Bool

    /// - Parameter readsKeys: whether keys come one by one, unseen.
    init(readsKeys: Bool) { self.readsKeys = readsKeys }

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
        Self.write(Self.begin)
    }

    func leave() {
        Self.write(Self.end)
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

    /// Writes all of it, in one call where the system takes it.
    ///
    /// - Returns: false if nobody is there to read it any more.
    @discardableResult
    static func write(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var wait = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wait, 1, 1_000)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
