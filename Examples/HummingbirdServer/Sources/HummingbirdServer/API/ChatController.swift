// POST /v1/chat/completions and GET /v1/models.

import Foundation
import GenAIOtel
import Hummingbird
import NIOCore

/// The routes of the API, and how a request passes from bytes to the engine and back.
struct ChatController: Sendable {
    /// The most bytes of a request's body.
    static let bodyLimit = 1 << 20

    let engine: ModelEngine
    let metrics: ServerMetricsCollector
    /// Seconds since 1970.
    let startTime = Int(Date().timeIntervalSince1970)

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.get("v1/models") { _, _ in
            let models = engine.models.map { ModelList.Model(id: $0.name, created: startTime) }
            return Response(
                status: .ok,
                headers: [.contentType: JSON.contentType],
                body: ResponseBody(byteBuffer: try JSON.encode(ModelList(data: models)))
            )
        }
        router.post("v1/chat/completions") { request, _ in try await complete(request) }
    }

    private func complete(_ request: Request) async throws -> Response {
        var request = request
        let wanted = try await Self.decode(&request)
        guard let model = engine.model(named: wanted.model) else { throw APIError.unknownModel(wanted.model) }
        let generationRequest = try wanted.generationRequest(for: model)
        let generation: TrackedGeneration
        do {
            generation = try TrackedGeneration(generationRequest, for: request, engine: engine, metrics: metrics)
        } catch {
            throw APIError.queueFull(waiting: error.waiting, retryAfter: engine.retryAfterSeconds)
        }
        let header = ChatCompletionChunk.Header(
            id: "chatcmpl-\(UUID().uuidString.lowercased())",
            created: Int(Date().timeIntervalSince1970),
            model: model.name,
            includesUsage: wanted.streamOptions?.includeUsage ?? false
        )
        return wanted.isStream ? stream(generation, header) : try await answer(generation, header)
    }

    private static func decode(_ request: inout Request) async throws -> ChatCompletionRequest {
        do {
            let body = try await request.collectBody(upTo: bodyLimit)
            return try JSON.decode(ChatCompletionRequest.self, from: body)
        } catch is NIOTooManyBytesError {
            throw APIError.bodyTooLarge(limit: bodyLimit)
        } catch let error as DecodingError {
            throw APIError(error)
        }
    }

    /// Answers when the answer is complete.
    private func answer(
        _ generation: TrackedGeneration,
        _ header: ChatCompletionChunk.Header
    ) async throws -> Response {
        var text = ""
        let result: GenerationResult
        do { result = try await generation.run { text += $0 } } catch let error as EngineError { throw APIError(error) }
        let completion = ChatCompletion(
            id: header.id,
            created: header.created,
            model: header.model,
            choices: [.init(message: .init(content: text), finishReason: result.finishReason)],
            usage: TokenUsage(result)
        )
        return Response(
            status: .ok,
            headers: [.contentType: JSON.contentType, .connection: "close"],
            body: ResponseBody(byteBuffer: try JSON.encode(completion))
        )
    }

    /// Answers at once, and sends each token as it is generated. The body is where the request waits and runs, so that is
    /// where a client that goes away is noticed.
    private func stream(
        _ generation: TrackedGeneration,
        _ header: ChatCompletionChunk.Header
    ) -> Response {
        let body = ResponseBody { writer in
            do {
                try await Self.write(generation, header, to: &writer)
            } catch let error as EngineError {
                // The status has been sent: the stream itself has to say what went wrong.
                try await writer.send(ServerSentEvents.event(APIError.Body(error: APIError(error))))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: ServerSentEvents.contentType, .cacheControl: "no-cache", .connection: "close",
            ],
            body: body
        )
    }

    private static func write(
        _ generation: TrackedGeneration,
        _ header: ChatCompletionChunk.Header,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        func event(_ choices: [ChatCompletionChunk.Choice], usage: TokenUsage? = nil) throws -> ByteBuffer {
            try ServerSentEvents.event(ChatCompletionChunk(header: header, choices: choices, usage: usage))
        }
        var isFirst = true
        let result = try await generation.run { token in
            if isFirst { try await writer.send(event([.init(delta: .init(role: "assistant", content: ""))])) }
            isFirst = false
            try await writer.send(event([.init(delta: .init(content: token))]))
        }
        try await writer.send(event([.init(delta: .init(), finishReason: result.finishReason)]))
        if header.includesUsage { try await writer.send(event([], usage: TokenUsage(result))) }
        try await writer.send(ServerSentEvents.done)
    }
}
