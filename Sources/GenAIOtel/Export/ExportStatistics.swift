// What has become of the exports so far.

/// Counts of exports since `instrument()`. With several exporters, their sum.
public struct ExportStatistics: Sendable, Equatable {
    /// Requests sent, repetitions included.
    public internal(set) var requestsSent = 0
    /// Exports that were delivered.
    public internal(set) var exportsDelivered = 0
    /// Exports that were not delivered.
    public internal(set) var exportsFailed = 0
    /// Points that arrived.
    public internal(set) var pointsDelivered = 0
    /// Points that the receiver rejected out of an export that it accepted (OTLP's partial success).
    public internal(set) var pointsRejected = 0
    /// Points of exports that were not delivered.
    public internal(set) var pointsDropped = 0

    mutating func add(_ result: ExportResult, points: Int) {
        requestsSent += result.requests
        if result.isDelivered {
            // A receiver can claim to have rejected more than it was sent.
            let rejected = min(result.rejectedPoints, points)
            exportsDelivered += 1
            pointsDelivered += points - rejected
            pointsRejected += rejected
        } else {
            exportsFailed += 1
            pointsDropped += points
        }
    }
}
