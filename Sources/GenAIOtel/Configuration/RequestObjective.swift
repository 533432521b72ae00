// What the operator of a server promises for each request: a service-level objective.

/// When a request counts as good: it ends without an error and within every limit that is given.
///
/// `gen_ai.server.requests.good` counts these requests. Good requests divided by all requests is the share that burn-rate
/// alerts need; it is exact, not estimated from buckets. A value: safe to pass between threads.
///
/// ```swift
/// configuration.requests.objectives = [
///     RequestObjective("interactive", timeToFirstToken: .seconds(1), timePerOutputToken: .milliseconds(50))
/// ]
/// ```
public struct RequestObjective: Sendable, Hashable {
    /// Attribute `gen_ai.server.objective`, not empty, cut to 256 bytes of UTF-8. No two objectives may have the same.
    public var name: String

    /// The longest time from arrival to first token, more than 0; nil for no limit. A request that never called
    /// ``ServerRequest/markFirstToken()`` does not meet it.
    public var timeToFirstToken: Duration?

    /// The longest time per output token after the first one, more than 0; nil for no limit. A request meets it only if it
    /// reports its first token and its number of output tokens. A request with less than two output tokens always meets it.
    public var timePerOutputToken: Duration?

    /// The longest time from arrival to the end, more than 0; nil for no limit.
    public var duration: Duration?

    /// The models that the objective is for; nil for all.
    public var models: [String]?

    /// Makes an objective. Without any limit, every request that ends without an error is good.
    ///
    /// Nothing is checked here. ``instrument(_:)`` leaves out an objective without a name, with the name of another one, or
    /// with a limit that is not more than 0, and logs a warning.
    ///
    /// - Parameters:
    ///   - name: attribute `gen_ai.server.objective`, not empty.
    ///   - timeToFirstToken: the longest time from arrival to first token, more than 0; nil for no limit.
    ///   - timePerOutputToken: the longest time per output token after the first one, more than 0; nil for no limit.
    ///   - duration: the longest time from arrival to the end, more than 0; nil for no limit.
    ///   - models: the models that it is for; nil for all.
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
