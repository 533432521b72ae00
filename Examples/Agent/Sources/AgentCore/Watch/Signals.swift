// Signals as bytes of a pipe, so that one loop waits for them and for keys alike.

import Foundation
import Synchronization

/// Catches signals. Handlers do nothing but write the number to a pipe, which is all that they may do.
final class Signals {
    /// The descriptor that becomes readable when a signal has come.
    let descriptor: Int32
    private let caught: [Int32]
    /// Those that were taken from the pipe, each once.
    private var waiting: [Int32] = []

    private static let writer = Atomic<Int32>(-1)

    /// Catches these signals until ``restore()``.
    init?(_ numbers: [Int32]) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        descriptor = ends[0]
        caught = numbers
        Self.writer.store(ends[1], ordering: .sequentiallyConsistent)
        for number in numbers { Self.catchSignal(number) }
    }

    static func catchSignal(_ number: Int32) {
        signal(number) { number in
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(Signals.writer.load(ordering: .sequentiallyConsistent), &byte, 1)
        }
    }

    /// Stops the process as Ctrl-Z does, and returns once somebody has continued it.
    static func stopUntilContinued() {
        signal(SIGTSTP, SIG_DFL)
        // This thread may have been started by one that blocks signals.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTSTP)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(SIGTSTP)
        catchSignal(SIGTSTP)
    }

    /// The next signal that has come.
    func next() -> Int32? { waiting.isEmpty ? nextOfPipe() : waiting.removeFirst() }

    /// Whether one has come that ends the program. They all stay for ``next()``.
    func hasEnd() -> Bool {
        while let number = nextOfPipe() {
            if !waiting.contains(number) { waiting.append(number) }
        }
        return waiting.contains(where: Self.isEnd)
    }

    /// Whether it is neither about the window nor about stopping for a while.
    static func isEnd(_ number: Int32) -> Bool { number != SIGWINCH && number != SIGTSTP }

    private func nextOfPipe() -> Int32? {
        var byte: UInt8 = 0
        return read(descriptor, &byte, 1) == 1 ? Int32(byte) : nil
    }

    func restore() {
        for number in caught { signal(number, SIG_DFL) }
        let end = Self.writer.exchange(-1, ordering: .sequentiallyConsistent)
        close(end)
        close(descriptor)
    }
}
