// Standard output, written so that signals are obeyed while nobody reads it.

import Foundation

/// Writes to standard output. A terminal that is stopped, or a program that does not read its pipe, holds up nothing but the
/// writing.
final class Output {
    private let descriptor: Int32
    /// How many bytes it takes at once without blocking, whenever it is writable.
    private let piece: Int
    private let signals: Signals

    init(_ signals: Signals) {
        self.signals = signals
        // Not standard output itself: the shell shares it, and would have to do without blocking, too.
        let own = ttyname(STDOUT_FILENO).map { open($0, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) } ?? -1
        descriptor = own >= 0 ? own : STDOUT_FILENO
        piece = own >= 0 ? .max : 512
    }

    deinit { if descriptor != STDOUT_FILENO { close(descriptor) } }

    /// Writes all of it, on a terminal in one call where it takes it.
    ///
    /// - Parameter patience: how many milliseconds to wait each time nothing can be written; nil for any time, until a signal
    ///   ends the program.
    /// - Returns: false if nobody is there to read it any more, or the wait was in vain.
    @discardableResult
    func write(_ text: String, patience: Int32? = nil) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            var waits = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&waits, patience == nil ? 2 : 1, patience ?? -1)
            guard waits[0].revents != 0 else {
                if ready == 0 || patience == nil && signals.hasEnd() { return false }
                continue
            }
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, min($0.count, piece)) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EAGAIN, errno != EINTR {
                return false
            }
        }
        return true
    }
}
