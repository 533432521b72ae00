// Drives a delivery without its thread.

import GenAISupport

@testable import GenAIOtel

extension Delivery {
    /// Takes a snapshot over, as the collecting thread does.
    func accept(_ snapshot: MetricSnapshot) { accept(snapshot, number: nextNumber()) }

    /// Exports a snapshot as a flush does, after all that waits, on the calling thread.
    ///
    /// - Returns: whether this snapshot was delivered.
    func export(
        _ snapshot: MetricSnapshot,
        until deadline: ContinuousClock.Instant,
        stop: Cancellation = Cancellation()
    ) -> Bool {
        let number = expectNext(by: deadline)
        accept(snapshot)
        deliver(stop)
        return outcome(of: number, until: deadline)
    }
}
