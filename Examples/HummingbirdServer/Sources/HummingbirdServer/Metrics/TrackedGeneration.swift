// The one place where a request's life meets the metrics.

import GenAIOtel
import ServiceLifecycle

/// A generation that is counted: as waiting from its arrival, as running from its turn, and at its end with its times.
///
/// If the client goes away, this is dropped without an end, and the request counts as `abandoned`.
struct TrackedGeneration: Sendable {
    private let request: ServerRequest
    private let generation: Generation

    /// Hands a request to the engine.
    ///
    /// - Throws: ``QueueFull``; the request is then counted with that as its `error.type`.
    init(
        _ wanted: GenerationRequest,
        engine: ModelEngine,
        metrics: ServerMetricsCollector
    ) throws(QueueFull) {
        let request = metrics.enqueueRequest(model: wanted.model.name)
        do {
            generation = try engine.accept(wanted)
        } catch {
            request.finish(error: error)
            throw error
        }
        self.request = request
    }

    /// Generates the answer.
    ///
    /// - Parameter onToken: takes a token on its way to the client. Time to first token ends when it has taken the first.
    func run(onToken: (String) async throws -> Void) async throws -> GenerationResult {
        do {
            let result = try await generation.run(onStart: request.start) { token in
                try await onToken(token)
                request.markFirstToken()
            }
            request.finish(outputTokens: result.outputTokens)
            return result
        } catch {
            // The client has gone: the task was cancelled, or the token could not be sent. Then the request is dropped
            // as it is. Only a server that ends has another reason to cancel.
            if Task.isShuttingDownGracefully { request.finish(error: error) }
            throw error
        }
    }
}
