// How an application has a server of its own polled like the built-in ones.

/// A model server that the application knows how to read, polled at an interval on a background thread.
///
/// ```swift
/// struct MyServer: ServerMetricsSource {
///     let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 9000)
///     func read() async throws -> ServerReading { ServerReading(server: server, models: [ModelReading(model: "a")]) }
/// }
/// configuration.sources = [MyServer()]
/// ```
public protocol ServerMetricsSource: Sendable {
    /// Which server this is; reported with `gen_ai.server.up` 0 when reading it fails.
    var server: ServerIdentity { get }

    /// Time between two readings, more than 0. Default: 5 seconds.
    var interval: Duration { get }

    /// Reads the server once.
    ///
    /// The task is cancelled after 2 seconds, and the server then counts as down; it is not read again before this has
    /// returned. An error that is thrown counts as down too and is logged.
    func read() async throws -> ServerReading
}

extension ServerMetricsSource {
    /// Five seconds.
    public var interval: Duration { .seconds(5) }
}
