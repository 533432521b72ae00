// Tracks each call of a gRPC server.

import GRPCCore
import GenAIOtel

/// Counts each RPC as a request: from its arrival to the end of its stream of answers.
struct TrackingInterceptor: ServerInterceptor {
    var metrics: ServerMetricsCollector
    /// The model that an RPC is for.
    var model: @Sendable (ServerContext, Metadata) -> String
    /// How many tokens a message of an answer holds.
    var tokens: @Sendable (any Sendable) -> Int = { _ in 0 }

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next: @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let tracked = metrics.beginRequest(model: model(context, request.metadata))
        do {
            var response = try await next(request, context)
            var contents = try response.accepted.get()
            // The handler has returned, and the answer is written afterwards.
            contents.producer = { [producer = contents.producer] writer in
                do {
                    let writer = TrackingWriter(writer: writer, tracked: tracked, tokens: tokens)
                    let metadata = try await producer(RPCWriter(wrapping: writer))
                    tracked.finish()
                    return metadata
                } catch {
                    tracked.finish(outcome: outcome(of: error, context))
                    throw error
                }
            }
            response.accepted = .success(contents)
            return response
        } catch {
            tracked.finish(outcome: outcome(of: error, context))
            throw error
        }
    }

    private func outcome(of error: any Error, _ context: ServerContext) -> GenAIOtel.ServerRequest.Outcome {
        if context.cancellation.isCancelled { return .clientGone }
        switch error {
        case let error as any RPCErrorConvertible: return .failure(errorType: "\(error.rpcErrorCode)")
        default: return .failure(errorType: "\(RPCError.Code.unknown)")
        }
    }
}

/// Sees each message on its way to the client.
private struct TrackingWriter<Element: Sendable>: RPCWriterProtocol {
    var writer: RPCWriter<Element>
    var tracked: GenAIOtel.ServerRequest
    var tokens: @Sendable (any Sendable) -> Int

    func write(_ element: Element) async throws {
        try await writer.write(element)
        tracked.markFirstToken()
        tracked.addOutputTokens(tokens(element))
    }

    func write(contentsOf elements: some Sequence<Element>) async throws {
        for element in elements { try await write(element) }
    }
}
