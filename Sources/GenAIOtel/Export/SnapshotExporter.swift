// The seam between the threads that collect and export, and the ways to export.

/// Encodes snapshots and sends them somewhere.
///
/// ``encode(_:number:)`` and ``send(_:deadline:cancellation:)`` are each called by one thread at a time, which need not be the
/// same; ``dropped(_:because:)`` by either.
protocol SnapshotExporter: Sendable {
    /// What may wait for its delivery.
    var limits: ExportQueue.Limits { get }

    /// Requests sent so far, repetitions included.
    var requestsSent: Int { get }

    /// The snapshot as it is sent; nil if there is nothing to send. Waits for nobody.
    func encode(_ snapshot: MetricSnapshot, number: Int) throws(ExportTooLarge) -> Export?

    /// Delivers an export, blocking until that is done, has failed for now or for good, the deadline has passed or the
    /// cancellation is raised.
    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome

    /// Notes that exports are given up that the receiver has not refused.
    func dropped(_ exports: [Export], because reason: String)

    /// Ends connections; nothing can be sent any more.
    func close()
}

/// One snapshot, encoded.
struct Export: Sendable, Equatable {
    /// The snapshot's number: higher than that of every earlier one.
    var number: Int
    /// The snapshot's time, in nanoseconds since 1970-01-01 UTC.
    var time: UInt64
    var body: [UInt8]
    /// How the body is compressed, as the value of a `Content-Encoding` header; nil if it is not.
    var contentEncoding: String?
    /// Number of points in it.
    var points: Int
}

/// What has become of an export.
enum ExportOutcome: Sendable, Equatable {
    /// It has arrived, but for some points that the receiver rejected.
    case delivered(rejectedPoints: Int)
    /// The receiver may take it later.
    case undelivered
    /// The receiver never will take it.
    case refused
}

/// A snapshot whose encoding nobody would accept.
struct ExportTooLarge: Error {
    var points: Int
}
