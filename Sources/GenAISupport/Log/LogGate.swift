// Holds log lines back until the handler may be called.

/// Keeps lines until it is opened, then hands them on in order; later lines go through at once.
///
/// A log handler may call this library, so it must not be called before `instrument()` has stored the instrumentation.
package final class LogGate: Sendable {
    private let handler: Log.Handler
    /// Nil once the gate is open.
    private let held = Locked<[LogEntry]?>([])

    package init(_ handler: @escaping Log.Handler) { self.handler = handler }

    @Sendable
    package func write(_ entry: LogEntry) {
        let isHeld = held.withLock { held in
            held?.append(entry)
            return held != nil
        }
        if !isHeld { handler(entry) }
    }

    /// Hands on the lines that were kept. The caller must hold no lock.
    package func open() {
        let lines = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for line in lines { handler(line) }
    }
}
