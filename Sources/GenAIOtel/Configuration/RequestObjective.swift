// What the operator of a server promises of a request.

/// What makes a request a good one: it ends without an error, within every limit that is given.
///
/// `gen_ai.server.requests.good` counts these requests, so that good requests / all requests is the share that burn-rate
/// alerts need, exact and not estimated from buckets.
///
/// ```swift
/// RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
/// ```
public struct RequestObjective: Sendable, Hashable {
    /// Attribute `gen_ai.server.objective`, not empty.
    public var name: String

    /// The longest time from arrival to first token, more than 0; nil for any. A request that never called
    /// ``ServerRequest/markFirstToken()`` does not meet it.
    public var timeToFirstToken: Duration?

    /// The longest time per output token after the first one, more than 0; nil for any. A request that does not tell its first
    /// token and its number of output tokens does not meet it; one of a single token does.
    public var timePerOutputToken: Duration?

    /// The longest time from arrival to the end, more than 0; nil for any.
    public var duration: Duration?

    /// The models that it is for; nil for all.
    public var models: [String]?

    /// An objective. Without any limit, every request that ends without an error is a good one.
    public init(
        _ name: String,
        timeToFirstToken: Duration? = nil,
        timePerOutputToken: Duration? = nil,
        duration: Duration? = nil,
        models: [String]? = nil
    ) {
        self.name = name
        self.timeToFirstToken = timeToFirstToken
        self.timePerOutputToken = timePerOutputToken
        self.duration = duration
        self.models = models
    }
}
