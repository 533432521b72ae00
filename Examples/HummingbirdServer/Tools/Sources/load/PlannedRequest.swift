// One request that is to be sent.

import Foundation

struct PlannedRequest: Sendable {
    enum Kind: Sendable {
        case good, unknownModel, brokenBody
    }

    /// Seconds after the start.
    var time: Double
    var kind: Kind
    var model: String
    var promptWords: Int
    var maxTokens: Int
    var isStream: Bool
    /// Seconds after which the client goes away; nil if it waits for all of the answer.
    var hangUpAfter: Double?
    var tenant: String
    /// Of the span that the request belongs to: a trace of its own.
    var traceID: (UInt64, UInt64)

    /// Who asks, and the trace (W3C Trace Context), which is sampled.
    var headers: [String: String] {
        let trace = String(format: "%016lx%016lx", traceID.0, traceID.1)
        return ["X-Tenant": tenant, "traceparent": "00-\(trace)-\(trace.suffix(16))-01"]
    }

    var body: Data {
        get throws {
            if kind == .brokenBody { return Data("{\"model\": ".utf8) }
            let words = ["Tell", "me", "how", "a", "cache", "of", "keys", "and", "values", "fills", "and", "drains"]
            let prompt = (0..<promptWords).map { words[$0 % words.count] }.joined(separator: " ")
            return try JSONEncoder().encode(
                Body(
                    model: kind == .unknownModel ? "no-such-model" : model,
                    messages: [.init(content: "\(prompt) (\(time))")],
                    maxTokens: maxTokens,
                    stream: isStream
                )
            )
        }
    }

    private struct Body: Encodable {
        struct Message: Encodable {
            var role = "user"
            var content: String
        }

        var model: String
        var messages: [Message]
        var maxTokens: Int
        var stream: Bool

        private enum CodingKeys: String, CodingKey {
            case model, messages, stream
            case maxTokens = "max_tokens"
        }
    }
}
