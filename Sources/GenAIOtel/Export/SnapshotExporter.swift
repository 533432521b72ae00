// The seam between the threads that collect and export, and the ways to export.

/// Takes snapshots over and delivers them somewhere.
///
/// ``accept(_:)`` and ``deliver(deadline:cancellation:)`` are each called by one thread at a time, which need not be the same.
protocol SnapshotExporter: Sendable {
    /// Takes a snapshot over, without waiting for anybody.
    func accept(_ snapshot: MetricSnapshot)

    /// Delivers what has been accepted so far, blocking until that is done, has failed for now or for good, the deadline
    /// has passed or the cancellation is raised.
    ///
    /// - Returns: whether all of it has arrived, even if some points were rejected, and nothing was lost before either.
    func deliver(deadline: ContinuousClock.Instant, cancellation: Cancellation) -> Bool

    /// What has become of the accepted snapshots.
    var statistics: ExportStatistics { get }

    /// Gives up what the exporter holds; it is not used again.
    func close()
}
