import Foundation
import Testing

@testable import HummingbirdServer

extension ServerTests {
    @Suite("POST /v1/chat/completions")
    struct ChatCompletionTests {
        private let question = #""messages": [{"role": "user", "content": "What is a KV cache?"}]"#

        /// The events of a stream.
        private func events(_ body: String, _ server: RunningServer) async throws -> [String] {
            try await server.stream(body) { answer in
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
                var reader = EventReader()
                var events: [String] = []
                while let event = try await reader.next(in: &answer) { events.append(event) }
                return events
            }
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        private func choice(_ chunk: [String: Any]) throws -> [String: Any] {
            try #require((chunk["choices"] as? [[String: Any]])?.first)
        }

        /// Tokens of the prompt, of the answer, of both, and those of the prompt that were cached.
        private func usage(_ object: [String: Any]) throws -> [Int?] {
            let usage = try #require(object["usage"] as? [String: Any])
            let details = try #require(usage["prompt_tokens_details"] as? [String: Int])
            #expect(usage.count == 4)
            return ["prompt_tokens", "completion_tokens", "total_tokens"].map { usage[$0] as? Int }
                + [details["cached_tokens"]]
        }

        @Test("an answer in one piece")
        func complete() async throws {
            try await RunningServer.with { server in
                let answer = try await server.post(#"{"model": "small", "max_tokens": 7, \#(question)}"#)
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
                let object = try answer.object
                #expect((object["id"] as? String)?.hasPrefix("chatcmpl-") == true)
                #expect(object["object"] as? String == "chat.completion")
                #expect(object["model"] as? String == "small")
                let choice = try choice(object)
                #expect(choice["finish_reason"] as? String == "length")
                let message = try #require(choice["message"] as? [String: String])
                #expect(message["role"] == "assistant")
                #expect(message["content"]?.split(separator: " ").count == 7)
                // "user: What is a KV cache?" has 25 bytes.
                #expect(try usage(object) == [7, 7, 14, 0])
            }
        }

        @Test("a stream says the same in pieces, and ends with [DONE]")
        func stream() async throws {
            try await RunningServer.with { server in
                let body = #""model": "small", "max_tokens": 5, \#(question)"#
                let events = try await events(#"{\#(body), "stream": true}"#, server)
                #expect(events.last == "[DONE]")
                let chunks = try events.dropLast().map(object)
                // The role, five tokens, the reason of the end.
                #expect(chunks.count == 7)
                #expect(Set(chunks.map { $0["id"] as? String }).count == 1)
                #expect(chunks.allSatisfy { $0["object"] as? String == "chat.completion.chunk" })
                #expect(chunks.allSatisfy { $0["usage"] == nil })
                let deltas = try chunks.map { try #require(try choice($0)["delta"] as? [String: String]) }
                #expect(deltas.first == ["role": "assistant", "content": ""])
                #expect(deltas.last == [:])
                let reasons = try chunks.map { try choice($0)["finish_reason"] }
                #expect(reasons.dropLast().allSatisfy { $0 is NSNull })
                #expect(reasons.last as? String == "length")
                let whole = try choice(try await server.post("{\(body)}").object)
                let message = try #require(whole["message"] as? [String: String])
                #expect(deltas.compactMap { $0["content"] }.joined() == message["content"])
            }
        }

        @Test("a stream with include_usage ends with the token counts")
        func usageOfAStream() async throws {
            try await RunningServer.with { server in
                let options = #""stream": true, "stream_options": {"include_usage": true}"#
                let body = #"{"model": "small", "max_tokens": 2, \#(options), \#(question)}"#
                let events = try await events(body, server)
                let chunks = try events.dropLast().map(object)
                let last = try #require(chunks.last)
                #expect((last["choices"] as? [Any])?.isEmpty == true)
                #expect(try usage(last) == [7, 2, 9, 0])
                #expect(chunks.dropLast().allSatisfy { $0["usage"] is NSNull })
            }
        }

        @Test("what prompts have at their beginning is cached, in whole blocks, for each model by itself")
        func prefixCache() async throws {
            try await RunningServer.with { server in
                func cached(_ model: String, _ prompt: String) async throws -> Int? {
                    let messages = #"[{"role": "user", "content": "\#(prompt)"}]"#
                    let body = #"{"model": "\#(model)", "max_tokens": 1, "messages": \#(messages)}"#
                    return try usage(try await server.post(body).object)[3]
                }
                // With "user: ", 206 bytes and so three blocks of 64; the second prompt has another end.
                let prompt = String(repeating: "x", count: 200)
                let found = [
                    try await cached("small", prompt), try await cached("small", prompt + "y"),
                    try await cached("small", String(prompt.prefix(100)) + "y"),
                    try await cached("small", "y" + prompt), try await cached("large", prompt),
                ]
                #expect(found == [0, 48, 16, 0, 0])
            }
        }

        @Test("contents in parts, roles of all kinds and fields without an effect are taken")
        func leniency() async throws {
            try await RunningServer.with { server in
                let messages = """
                    {"role": "system", "content": "Be brief."}, {"role": "developer", "content": ""},
                    {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
                    {"role": "assistant", "content": null, "tool_calls": []}, {"role": "assistant"},
                    {"role": "tool", "tool_call_id": "1", "content": "42"}
                    """
                let settings = #""model": "small", "temperature": 0.5, "max_completion_tokens": 1"#
                let body = #"{\#(settings), "messages": [\#(messages)]}"#
                let answer = try await server.post(body)
                #expect(answer.status == 200)
            }
        }

        @Test("what can't be answered gets an error that says why")
        func errors() async throws {
            let user = #"{"role": "user", "content": "x"}"#
            let cases: [(body: String, status: UInt, param: String?, code: String?)] = [
                (#"{"model": "#, 400, nil, nil),
                ("", 400, nil, nil),
                ("[]", 400, nil, nil),
                (#"{"messages": [\#(user)]}"#, 400, "model", nil),
                (#"{"model": 1, "messages": [\#(user)]}"#, 400, "model", nil),
                (#"{"model": "small"}"#, 400, "messages", nil),
                (#"{"model": "small", "messages": []}"#, 400, "messages", nil),
                (#"{"model": "small", "messages": [{"role": "robot", "content": "x"}]}"#, 400, "messages[0].role", nil),
                (#"{"model": "small", "messages": [\#(user), {"role": "user"}]}"#, 400, "messages[1].content", nil),
                (#"{"model": "small", "max_tokens": 0, "messages": [\#(user)]}"#, 400, "max_tokens", nil),
                (#"{"model": "small", "stream_options": {}, "messages": [\#(user)]}"#, 400, "stream_options", nil),
                (
                    #"{"model": "small", "max_tokens": 512, "messages": [\#(user)]}"#, 400, "messages",
                    "context_length_exceeded"
                ),
                (#"{"model": "huge", "messages": [\#(user)]}"#, 404, "model", "model_not_found"),
                (String(repeating: "x", count: ChatController.bodyLimit + 1), 413, nil, "request_too_large"),
            ]
            try await RunningServer.with { server in
                for (body, status, param, code) in cases {
                    let answer = try await server.post(body)
                    #expect(answer.status == status, "\(body.prefix(100))")
                    #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
                    let error = try #require(try answer.object["error"] as? [String: Any], "\(body.prefix(100))")
                    #expect(error["type"] as? String == "invalid_request_error")
                    #expect((error["message"] as? String)?.isEmpty == false)
                    #expect(error["param"] as? String == param, "\(body.prefix(100)): \(error)")
                    #expect(error["code"] as? String == code, "\(body.prefix(100))")
                    #expect(error.count == 4)
                }
                // What never reached a model is not counted, or clients could make up series.
                #expect(server.metrics.total == nil)
            }
        }
    }
}
