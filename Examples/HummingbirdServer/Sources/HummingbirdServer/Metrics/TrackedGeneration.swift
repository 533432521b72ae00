// The one place where a request's life meets the metrics.

import GenAIOtel
import Hummingbird

/// A generation that is counted: as waiting from its arrival, as running from its turn, and at its end with its times and
/// tokens, whichever way it ends.
final class TrackedGeneration: Sendable {
    private let client: Request
    private let request: ServerRequest
    private let generation: Generation

    /// Hands a request to the engine.
    ///
    /// - Throws: ``QueueFull``; the request has been counted then.
    init(
        _ wanted: GenerationRequest,
        for client: Request,
        engine: ModelEngine,
        metrics: ServerMetricsCollector
    ) throws(QueueFull) {
        let attributes = client.tenant.map { ["tenant": $0] } ?? [:]
        let request = metrics.enqueueRequest(model: wanted.model.name, attributes: attributes)
        request.trace = client.trace
        do {
            generation = try engine.accept(wanted)
        } catch {
            request.finish(error: error)
            throw error
        }
        self.client = client
        self.request = request
    }

    deinit {
        // Whatever ran has ended. What never ran is the body of an answer whose head could not be sent.
        request.finish(outcome: .clientGone)
    }

    /// Generates the answer.
    ///
    /// - Parameter onToken: takes a token on its way to the client. Time to first token ends when it has taken the first.
    /// - Throws: ``ClientGone``, ``EngineError``, what `onToken` throws, or `CancellationError` if the server ends.
    func run(onToken: (String) async throws -> Void) async throws -> GenerationResult {
        let wanted = generation.request
        var cachedTokens: Int?
        do {
            let result = try await client.untilHangUp {
                try await generation.run(onStart: request.start, onPrompt: { cachedTokens = $0 }) { token in
                    request.addOutputTokens(1)
                    try await onToken(token)
                    request.markFirstToken()
                }
            }
            request.finish(
                inputTokens: result.promptTokens,
                outputTokens: result.outputTokens,
                cachedInputTokens: result.cachedTokens,
                responseModel: wanted.model.name
            )
            return result
        } catch {
            // A prompt that was read has cost its tokens, whatever came of it.
            let inputTokens = cachedTokens == nil ? nil : wanted.promptTokens
            request.finish(inputTokens: inputTokens, cachedInputTokens: cachedTokens, error: error)
            throw error
        }
    }
}
