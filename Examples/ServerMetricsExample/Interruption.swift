// Turns SIGINT and SIGTERM into something that a loop can wait for.

import Dispatch
import Foundation

struct Interruption {
    private let semaphore = DispatchSemaphore(value: 0)
    private let sources: [any DispatchSourceSignal]

    init() {
        let semaphore = semaphore
        sources = [SIGINT, SIGTERM].map { number in
            // The default action would end the process at once.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { semaphore.signal() }
            source.resume()
            return source
        }
    }

    /// Waits for the given time; true if the process shall end.
    func wait(_ duration: DispatchTimeInterval) -> Bool {
        semaphore.wait(timeout: .now() + duration) == .success
    }
}
