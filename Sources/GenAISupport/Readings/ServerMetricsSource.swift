// How an application has a server of its own polled like the built-in ones.

/// A model server that the application knows how to read, polled at an interval on a background thread.
///
/// ```swift
/// struct MyServer: ServerMetricsSource {
///     let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 9000)
///
///     func read() async throws -> ServerReading {
///         let running = 3  // ask the server
///         return ServerReading(server: server, models: [ModelReading(model: "llama-3", requestsRunning: running)])
///     }
/// }
/// configuration.sources = [MyServer()]
/// ```
///
/// Its members are called on other threads and tasks than the application's, never under a lock, hence `Sendable`.
public protocol ServerMetricsSource: Sendable {
    /// Which server this is. It is reported with `gen_ai.server.up` 0 when reading it fails. No two servers may have the same.
    var server: ServerIdentity { get }

    /// Time from one reading to the next, more than 0. Default: 5 seconds.
    var interval: Duration { get }

    /// Reads the server once.
    ///
    /// The task is cancelled after 2 seconds, and the server then counts as down. It is not read again before this has
    /// returned.
    ///
    /// - Returns: what was read. Its ``ServerReading/server`` should be ``server``.
    /// - Throws: any error. The server then counts as down, and the error is logged.
    func read() async throws -> ServerReading
}

extension ServerMetricsSource {
    /// Five seconds.
    public var interval: Duration { .seconds(5) }
}
