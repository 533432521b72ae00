// Counts of the exports so far.

/// Counts of exports since ``instrument(_:)``: ``GenAIInstrumentation/exportStatistics``. With several exporters, their sum.
///
/// An export is one snapshot of all metrics, or one part of it where ``OTLPConfiguration/maxPointsPerExport`` or
/// ``OTLPConfiguration/maxBytesPerExport`` split it. Each is delivered, has failed, waits in the outage buffer or is in flight.
/// All counts are 0 or more. A value: safe to pass between threads.
///
/// ```swift
/// let statistics = instrumentation.exportStatistics
/// print(statistics.exportsDelivered, statistics.exportsFailed, statistics.exportsBuffered)
/// ```
public struct ExportStatistics: Sendable, Equatable {
    /// HTTP requests sent, including retries.
    public internal(set) var requestsSent = 0
    /// Exports that were delivered.
    public internal(set) var exportsDelivered = 0
    /// Exports that were given up: refused by the collector, or dropped for lack of room or time.
    public internal(set) var exportsFailed = 0
    /// Exports that are waiting for delivery now. The only number here that also falls.
    public internal(set) var exportsBuffered = 0
    /// Points that were delivered.
    public internal(set) var pointsDelivered = 0
    /// Points that the receiver rejected in exports that it accepted (OTLP's partial success).
    public internal(set) var pointsRejected = 0
    /// Points of exports that were given up.
    public internal(set) var pointsDropped = 0

    mutating func countDelivered(points: Int, rejected: Int) {
        // A receiver may claim to have rejected more points than it was sent.
        let rejected = min(rejected, points)
        exportsDelivered += 1
        pointsDelivered += points - rejected
        pointsRejected += rejected
    }

    mutating func countDropped(points: Int) {
        exportsFailed += 1
        pointsDropped += points
    }

    static func + (left: ExportStatistics, right: ExportStatistics) -> ExportStatistics {
        var result = left
        result.requestsSent += right.requestsSent
        result.exportsDelivered += right.exportsDelivered
        result.exportsFailed += right.exportsFailed
        result.exportsBuffered += right.exportsBuffered
        result.pointsDelivered += right.pointsDelivered
        result.pointsRejected += right.pointsRejected
        result.pointsDropped += right.pointsDropped
        return result
    }
}
