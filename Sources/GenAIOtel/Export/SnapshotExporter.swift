// The seam between the thread that exports and the ways to export.

/// Delivers snapshots somewhere. Called by one thread at a time.
protocol SnapshotExporter: Sendable {
    /// Delivers a snapshot, blocking until that is done, has failed for good, the deadline has passed or the
    /// cancellation is raised.
    func export(
        _ snapshot: MetricSnapshot,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> ExportResult

    /// Gives up what the exporter holds; it is not used again.
    func close()
}

/// How the export of one snapshot ended.
struct ExportResult: Sendable, Equatable {
    /// Whether the snapshot has arrived, even if some of its points were rejected.
    var isDelivered: Bool
    /// Points that the receiver did not take.
    var rejectedPoints = 0
    /// Points of the snapshot that there was no need to send, because nothing was counted in them since the last delivery.
    var unchangedPoints = 0
    /// Requests that were sent for it, repetitions included.
    var requests = 0
}
