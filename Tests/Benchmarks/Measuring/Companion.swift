// A second thread, because a process with one is faster than any server.

import Foundation

/// glibc's mutex does without atomic instructions in a process that has never had a second thread, and takes a third of the
/// time then. A server has threads.
enum Companion {
    /// Starts a thread that does nothing, once.
    static let start: Void = {
        Thread.detachNewThread { while true { sleep(1_000) } }
    }()
}
