import ExampleClient
import Foundation
import Hummingbird
import NIOCore
import Testing

@testable import HummingbirdServer

extension ServerTests {
    @Suite("What is measured")
    struct TrackingTests {
        private func body(stream: Bool = false, maxTokens: Int = 20) -> String {
            """
            {"model": "small", "max_tokens": \(maxTokens), "stream": \(stream), "seed": 1,
             "messages": [{"role": "user", "content": "Hi"}]}
            """
        }

        /// A client that takes a whole answer, until its task is cancelled.
        private func client(_ server: RunningServer, stream: Bool) -> Task<Void, any Error> {
            Task {
                try await server.stream(body(stream: stream)) { answer in while try await answer.next() != nil {} }
            }
        }

        @Test("a request is waiting, running, at its first token, done", arguments: [false, true])
        func life(stream: Bool) async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let first = client(server, stream: stream)
                await clock.waitForSleepers(1)
                #expect(server.metrics.running == 1)
                let second = client(server, stream: stream)
                try await eventually({ server.metrics.waiting == 1 }, "the second request waits")
                // The prompt's two tokens are in one of 64 blocks.
                #expect(server.metrics.kvCacheUsage("small") == 1.5625)
                clock.advance(by: .milliseconds(1))
                await clock.waitForSleepers(1)
                #expect(server.metrics.firstTokens == nil)
                clock.advance(by: .milliseconds(20))
                await clock.waitForSleepers(1)
                #expect(server.metrics.firstTokens == 1)
                #expect(server.metrics.total == nil)
                clock.advance(by: .milliseconds(20 * 19))
                try await first.value
                // 22 tokens by then: two blocks. Now the second request has one.
                await clock.waitForSleepers(1)
                #expect(server.metrics.total == 1)
                #expect(server.metrics.running == 1)
                #expect(server.metrics.waiting == 0)
                #expect(server.metrics.kvCacheUsage("small") == 1.5625)
                clock.advance(by: .seconds(60))
                try await second.value
                try await eventually({ server.metrics.total == 2 }, "both requests are counted")
                #expect(server.metrics.running == 0)
                #expect(server.metrics.kvCacheUsage("small") == 0)
                #expect(server.metrics.failures == [:])
                #expect(server.metrics.sum("gen_ai_server_time_per_output_token_seconds_count") == 2)
            }
        }

        @Test("a client that hangs up frees its place and is counted as gone", arguments: [false, true])
        func hangUp(stream: Bool) async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let first = client(server, stream: stream)
                await clock.waitForSleepers(1)
                let second = client(server, stream: stream)
                try await eventually({ server.metrics.waiting == 1 }, "the second request waits")
                first.cancel()
                try await eventually({ server.metrics.failed("client_gone") == 1 }, "the first client is gone")
                // The second one has the place now.
                await clock.waitForSleepers(1)
                #expect(server.metrics.waiting == 0)
                #expect(server.metrics.running == 1)
                second.cancel()
                try await eventually({ server.metrics.failed("client_gone") == 2 }, "the second client is gone")
                #expect(server.metrics.running == 0)
                #expect(server.metrics.total == 2)
                #expect(server.metrics.failures == ["client_gone": 2])
                #expect(server.metrics.kvCacheUsage("small") == 0)
            }
        }

        @Test("a client that goes away after the first token keeps its time to first token")
        func hangUpInTheStream() async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let client = client(server, stream: true)
                await clock.waitForSleepers(1)
                clock.advance(by: .milliseconds(1))
                await clock.waitForSleepers(1)
                clock.advance(by: .milliseconds(20))
                await clock.waitForSleepers(1)
                client.cancel()
                try await eventually({ server.metrics.running == 0 }, "the request is over")
                #expect(server.metrics.failures == ["client_gone": 1])
                #expect(server.metrics.firstTokens == 1)
                // What was generated has cost its tokens.
                #expect(server.metrics.tokens("output") == 1)
                #expect(server.metrics.tokens("input") == 2)
                #expect(server.metrics.good == 0)
                #expect(server.metrics.sum("gen_ai_server_time_per_output_token_seconds_count") == nil)
            }
        }

        @Test("a client that goes away while it waits leaves the queue", arguments: [false, true])
        func hangUpInTheQueue(stream: Bool) async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let first = client(server, stream: stream)
                await clock.waitForSleepers(1)
                let second = client(server, stream: stream)
                try await eventually({ server.metrics.waiting == 1 }, "the second request waits")
                second.cancel()
                try await eventually({ server.metrics.waiting == 0 }, "the second request has left")
                #expect(server.metrics.failures == ["client_gone": 1])
                #expect(server.metrics.running == 1)
                #expect(server.metrics.firstTokens == nil)
                #expect(server.metrics.tokens("input") == nil)
                clock.advance(by: .seconds(60))
                try await first.value
            }
        }

        @Test("with the queue full, further requests are turned away and counted")
        func queueFull() async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1, queueLimit: 1), clock: clock) { server in
                let first = client(server, stream: true)
                await clock.waitForSleepers(1)
                let second = client(server, stream: true)
                try await eventually({ server.metrics.waiting == 1 }, "the second request waits")
                let third = try await server.post(body(stream: true))
                #expect(third.status == 429)
                // 120 tokens of the slower model, which has 20 a second.
                #expect(third.headers["retry-after"] == "6")
                let error = try third.object["error"] as? [String: Any]
                #expect(error?["type"] as? String == "rate_limit_error")
                #expect(error?["code"] as? String == "queue_full")
                #expect(server.metrics.failures == ["queue_full": 1])
                #expect(server.metrics.waiting == 1)
                first.cancel()
                second.cancel()
                try await eventually({ server.metrics.total == 3 }, "all three requests are counted")
            }
        }

        @Test("a request whose answer can't even begin is the client's doing")
        func hangUpBeforeTheStart() async throws {
            try await RunningServer.with { server in
                let engine = ModelEngine(
                    models: ServerOptions.fast.models,
                    concurrency: 1,
                    queueLimit: 0,
                    onCacheUsage: { _, _ in }
                )
                let wanted = GenerationRequest(model: engine.models[0], prompt: "x", maxTokens: 1, seed: nil)
                let client = Request(
                    head: HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/"),
                    body: RequestBody(buffer: ByteBuffer())
                )
                for _ in 0..<2 {
                    _ = try TrackedGeneration(
                        wanted,
                        for: client,
                        engine: engine,
                        metrics: server.instrumentation.serverMetrics
                    )
                }
                #expect(server.metrics.failures == ["client_gone": 2])
                #expect(server.metrics.running == 0)
                #expect(server.metrics.waiting == 0)
            }
        }

        @Test("a connection that takes no more is the client's doing, whatever the error; a cancelled task is not")
        func brokenConnection() async throws {
            var writer = BrokenWriter()
            await #expect(throws: ClientGone.self) { try await writer.send(ByteBuffer()) }
            let cancelled = Task {
                var writer = BrokenWriter()
                withUnsafeCurrentTask { $0?.cancel() }
                try await writer.send(ByteBuffer())
            }
            await #expect(throws: CancellationError.self) { try await cancelled.value }
        }

        @Test("an error of the engine is counted as that, and said to the client", arguments: [false, true])
        func engineError(stream: Bool) async throws {
            var options = ServerOptions.fast
            options.engineErrors = 1
            try await RunningServer.with(options) { server in
                let answer = try await server.post(body(stream: stream))
                #expect(answer.status == (stream ? 200 : 500))
                #expect(answer.text.contains(#""code":"out_of_memory""#))
                #expect(answer.text.contains("[DONE]") == false)
                #expect(server.metrics.failures == ["out_of_memory": 1])
                // Half of the 20 tokens were there.
                #expect(server.metrics.tokens("output") == 10)
                #expect(server.metrics.good == 0)
            }
        }

        @Test("answers and metrics count the same tokens, of a stream while it runs")
        func tokens() async throws {
            try await RunningServer.with { server in
                var sums = [0.0, 0, 0]
                for number in 0..<6 {
                    let prompt = String(repeating: "The same beginning. ", count: 10) + "\(number)"
                    let isStream = number.isMultiple(of: 2)
                    let options = isStream ? #""stream": true, "stream_options": {"include_usage": true}, "# : ""
                    let messages = #"[{"role": "user", "content": "\#(prompt)"}]"#
                    let text = try await server.post(
                        #"{"model": "small", \#(options)"max_tokens": \#(number * 10 + 1), "messages": \#(messages)}"#
                    ).text
                    let event = text.split(separator: "\n\n").dropLast().last?.dropFirst("data: ".count)
                    let json = isStream ? event.map(String.init) ?? "" : text
                    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
                    let usage = try #require(object?["usage"] as? [String: Any])
                    let details = try #require(usage["prompt_tokens_details"] as? [String: Double])
                    sums[0] += try #require(usage["prompt_tokens"] as? Double)
                    sums[1] += try #require(usage["completion_tokens"] as? Double)
                    sums[2] += try #require(details["cached_tokens"])
                }
                let metrics = server.metrics
                #expect(metrics.tokens("input") == sums[0])
                #expect(metrics.tokens("output") == sums[1])
                #expect(metrics.prefixCacheQueries == sums[0])
                #expect(metrics.prefixCacheHits == sums[2])
                #expect(sums[2] > 0)
                #expect(metrics.good == 6)
                #expect(metrics.sum("gen_ai_requests_total", "gen_ai_response_model=\"small\"") == 6)
                #expect(metrics.sum("gen_ai_server_request_queue_time_seconds_count") == 6)
            }
        }

        @Test("tokens are counted while the answer comes")
        func streamedTokens() async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let client = client(server, stream: true)
                await clock.waitForSleepers(1)
                clock.advance(by: .milliseconds(1))
                for count in 1...3 {
                    await clock.waitForSleepers(1)
                    clock.advance(by: .milliseconds(20))
                    await clock.waitForSleepers(1)
                    #expect(server.metrics.tokens("output") == Double(count))
                }
                #expect(server.metrics.total == nil)
                clock.advance(by: .seconds(60))
                try await client.value
                try await eventually({ server.metrics.total == 1 }, "the request is counted")
                #expect(server.metrics.tokens("output") == 20)
            }
        }

        @Test("the tenant is an attribute, and a sampled trace an exemplar")
        func headers() async throws {
            try await RunningServer.with { server in
                let traces = ["0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"]
                for (trace, isSampled) in zip(traces, [true, false]) {
                    let parent = "00-\(trace)-b7ad6b7169203331-0\(isSampled ? 1 : 0)"
                    let headers = ["X-Tenant": "search", "traceparent": parent, "X-Tier": "gold"]
                    _ = try await server.post(body(stream: true), headers: headers)
                }
                _ = try await server.post(body(), headers: ["traceparent": "nonsense"])
                #expect(server.metrics.sum("gen_ai_requests_total", "tenant=\"search\"") == 2)
                #expect(server.metrics.total == 3)
                let accept = ["Accept": "application/openmetrics-text"]
                let text = try await server.get("/metrics", headers: accept).text
                #expect(text.contains(##"# {trace_id="\##(traces[0])",span_id="b7ad6b7169203331"}"##))
                #expect(!text.contains(traces[1]))
                #expect(!text.contains("gold"))
                #expect(!server.instrumentation.prometheusText().contains("trace_id"))
            }
        }
    }
}

/// A connection that is closed.
private struct BrokenWriter: ResponseBodyWriter {
    mutating func write(_ buffer: ByteBuffer) async throws { throw ChannelError.ioOnClosedChannel }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
