// Hands requests on to an engine with AsyncHTTPClient, and tracks them.

import AsyncHTTPClient
import Foundation
import GenAIOtel
import NIOCore

/// An engine with OpenAI's interface (vLLM, SGLang, TGI, llama.cpp, Ollama), such as the one that a reverse proxy is for.
struct TrackedEngine: Sendable {
    /// The whole URL, such as `http://localhost:8000/v1/chat/completions`.
    var url: String
    var metrics: ServerMetricsCollector
    var client = HTTPClient.shared

    /// Sends a request with `"stream": true`, and hands on each line of the answer as it comes: `data: {...}`, or an empty
    /// one, which ends an event.
    ///
    /// - Parameters:
    ///   - attributes: of the request, such as its tenant; `requests.allowedAttributes` has their keys.
    ///   - onLine: writes the line and a line break to the client.
    func stream(
        _ body: ByteBuffer,
        model: String,
        attributes: [String: String] = [:],
        onLine: (ByteBuffer) async throws -> Void
    ) async throws {
        try await metrics.trackRequest(model: model, attributes: attributes) { tracked in
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
            let response = try await client.execute(request, timeout: .minutes(10))
            guard response.status == .ok else { throw EngineError.status(response.status.code) }
            var usage: Chunk.Usage?
            let lines = response.body.splitLines(omittingEmptySubsequences: false, maximumBufferSize: 1 << 20)
            for try await line in lines {
                let chunk = Chunk(line)
                if chunk?.hasToken == true {
                    tracked.markFirstToken()
                    tracked.addOutputTokens(1)
                }
                usage = chunk?.usage ?? usage
                do { try await onLine(line) } catch { throw EngineError.clientGone }
            }
            // The engine's own numbers, if the request has `"stream_options": {"include_usage": true}`.
            tracked.finish(inputTokens: usage?.promptTokens, outputTokens: usage?.completionTokens)
        }
    }
}

enum EngineError: Error {
    case status(UInt)
    case clientGone

    /// For `requests.outcomeOfError`.
    static func outcome(of error: any Error) -> ServerRequest.Outcome? {
        switch error {
        case EngineError.status(let code): .failure(errorType: "\(code)")
        case EngineError.clientGone, is CancellationError: .clientGone
        case let error as HTTPClientError: .failure(errorType: error.shortDescription)
        default: nil
        }
    }
}

/// What is counted of a line.
private struct Chunk: Decodable {
    struct Choice: Decodable {
        struct Delta: Decodable { var content: String? }
        var delta: Delta?
    }
    struct Usage: Decodable { var promptTokens, completionTokens: Int? }

    var choices: [Choice]?
    var usage: Usage?

    var hasToken: Bool { choices?.contains { $0.delta?.content?.isEmpty == false } == true }

    init?(_ line: ByteBuffer) {
        var line = line
        guard line.readString(length: 6) == "data: " else { return nil }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let chunk = try? decoder.decode(Self.self, from: Data(line.readableBytesView)) else { return nil }
        self = chunk
    }
}
