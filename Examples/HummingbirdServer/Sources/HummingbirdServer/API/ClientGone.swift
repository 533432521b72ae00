// Tells a client that hangs up from everything else that can end a request early.

import Hummingbird

/// The client has hung up. Thrown in place of whatever showed it.
struct ClientGone: Error {}

extension Request {
    /// Runs an operation, and cancels it when the client hangs up.
    ///
    /// - Throws: ``ClientGone`` if the client has hung up, `CancellationError` only if the server itself ends, and what the
    ///   operation throws.
    func untilHangUp<Value: Sendable>(_ operation: () async throws -> Value) async throws -> Value {
        do {
            return try await body.consumeWithCancellationOnInboundClose { _ in try await operation() }
        } catch is CancellationError where !Task.isCancelled {
            // The operation alone was cancelled, and not this task: that is what a closed connection does.
            throw ClientGone()
        }
    }
}

extension ResponseBodyWriter {
    /// Writes to the client.
    ///
    /// - Throws: ``ClientGone`` if the connection takes nothing any more, `CancellationError` if the task is cancelled.
    mutating func send(_ buffer: ByteBuffer) async throws {
        do {
            try await write(buffer)
        } catch {
            // A connection that is closed while a write waits is an error of many types, ChannelError for instance.
            try Task.checkCancellation()
            throw ClientGone()
        }
    }
}
