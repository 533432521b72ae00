// Holds log lines back while it would be wrong to hand them on.

/// Keeps lines until it is opened; then hands them on in their order, and later ones at once.
///
/// A handler may do anything, call this library too, so none is called while something is half made or a lock is held.
package final class LogGate: Sendable {
    private struct Line: Sendable {
        var level: LogLevel
        var message: String
    }

    private let target: LogHandler
    /// Nil once it is open.
    private let held = Locked<[Line]?>([])

    package init(_ target: @escaping LogHandler) {
        self.target = target
    }

    /// The handler to log through.
    package var handler: LogHandler {
        { [self] level, message in
            let isHeld = held.withLock { held in
                held?.append(Line(level: level, message: message))
                return held != nil
            }
            if !isHeld { target(level, message) }
        }
    }

    /// Hands on what was held back. Not to be called with a lock held.
    package func open() {
        let lines = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for line in lines { target(line.level, line.message) }
    }
}
