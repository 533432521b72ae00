// Holds log lines back while it would be wrong to hand them on.

/// Keeps lines until it is opened; then hands them on in their order, and later ones at once.
///
/// A handler may do anything, call this library too, so none is called while something is half made or a lock is held.
package final class LogGate: Sendable {
    private let target: Log.Handler
    /// Nil once it is open.
    private let held = Locked<[LogEntry]?>([])

    package init(_ target: @escaping Log.Handler) {
        self.target = target
    }

    /// The handler to log through.
    package var handler: Log.Handler {
        { [self] entry in
            let isHeld = held.withLock { held in
                held?.append(entry)
                return held != nil
            }
            if !isHeld { target(entry) }
        }
    }

    /// Hands on what was held back. Not to be called with a lock held.
    package func open() {
        let lines = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for line in lines { target(line) }
    }
}
