// Keeps a pace: what one wait took too long is taken from the next.

/// Waits for one point in time after another.
struct Pacer<C: Clock<Duration>> {
    private let clock: C
    private var next: C.Instant

    init(_ clock: C) {
        self.clock = clock
        next = clock.now
    }

    /// Waits until so much time after the end of the wait before; not at all if that has passed already.
    ///
    /// - Throws: `CancellationError`.
    mutating func wait(_ duration: Duration) async throws {
        next = next.advanced(by: duration)
        try Task.checkCancellation()
        if clock.now < next { try await clock.sleep(until: next, tolerance: nil) }
    }
}
