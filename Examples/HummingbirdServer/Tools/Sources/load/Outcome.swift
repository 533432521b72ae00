// How a request went, as its client saw it.

struct Outcome: Sendable {
    enum End: Sendable, Hashable {
        /// The whole answer came, with this status.
        case status(Int)
        /// The client went away.
        case hungUp
        /// No answer, or only part of one.
        case failed(String)
    }

    var end: End
    /// From sending to the end.
    var seconds: Double
    /// From sending to the first token of a stream.
    var firstTokenSeconds: Double?
    /// Events with a token, of a stream.
    var tokens = 0
}
