// The interface between the exporting threads and the exporters.

/// Encodes snapshots and sends them somewhere.
///
/// ``encode(_:number:)`` and ``send(_:deadline:cancellation:)`` are each called by one thread at a time, possibly by
/// different ones; ``dropped(_:because:)`` by both.
protocol SnapshotExporter: Sendable {
    /// Where it exports to, in a log line; by default the collector.
    var place: String { get }

    /// How much may wait for delivery.
    var limits: ExportQueue.Limits { get }

    /// Requests sent so far, repetitions included.
    var requestsSent: Int { get }

    /// The encoded snapshot, in one or more requests' worth; none if there is nothing to send. Does not block.
    func encode(_ snapshot: MetricSnapshot, number: Int) -> EncodedSnapshot

    /// Delivers an export. Blocks until it is delivered or has failed, until the deadline or the cancellation.
    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome

    /// Reports exports that are given up although the receiver has not refused them.
    func dropped(_ exports: [Export], because reason: String)

    /// Closes the connections. Nothing can be sent afterwards.
    func close()
}

extension SnapshotExporter {
    var place: String { "the collector" }
}

/// One snapshot, encoded and ready to send.
struct EncodedSnapshot: Sendable {
    var exports: [Export]
    /// Number of points that are too large for any receiver.
    var pointsTooLarge = 0
}

/// One snapshot, or a part of one, encoded.
struct Export: Sendable, Equatable {
    /// The snapshot's number, higher than that of all earlier ones, and the same for all its parts.
    var number: Int
    /// The snapshot's time, in nanoseconds since 1970-01-01 UTC.
    var time: UInt64
    var body: [UInt8]
    /// The value of `Content-Encoding`; nil if the body is not compressed.
    var contentEncoding: String?
    /// Number of points in it.
    var points: Int
    /// Which part of the snapshot it is, counted from 0; nil if it is all of it.
    var part: Int?
}

/// The outcome of an export.
enum ExportOutcome: Sendable, Equatable {
    /// The receiver accepted it, except for some points.
    case delivered(rejectedPoints: Int)
    /// The receiver may accept it later.
    case undelivered
    /// The receiver will never accept it.
    case refused
}

extension ExportOutcome: CustomStringConvertible {
    var description: String {
        switch self {
        case .delivered(0): "delivered"
        case .delivered(let rejected): "delivered but for \(rejected)"
        case .undelivered: "not delivered"
        case .refused: "refused"
        }
    }
}
