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
                #expect(server.metrics.failed("abandoned") == nil)
                #expect(server.metrics.sum("gen_ai_server_time_per_output_token_seconds_count") == 2)
            }
        }

        @Test("a client that goes away frees its place and is counted as abandoned", arguments: [false, true])
        func hangUp(stream: Bool) async throws {
            let clock = ManualClock()
            try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let first = client(server, stream: stream)
                await clock.waitForSleepers(1)
                let second = client(server, stream: stream)
                try await eventually({ server.metrics.waiting == 1 }, "the second request waits")
                first.cancel()
                try await eventually({ server.metrics.failed("abandoned") == 1 }, "the first request is abandoned")
                // The second one has the place now.
                await clock.waitForSleepers(1)
                #expect(server.metrics.waiting == 0)
                #expect(server.metrics.running == 1)
                second.cancel()
                try await eventually({ server.metrics.failed("abandoned") == 2 }, "the second request is abandoned")
                #expect(server.metrics.running == 0)
                #expect(server.metrics.total == 2)
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
                #expect(server.metrics.failed("abandoned") == 1)
                #expect(server.metrics.firstTokens == 1)
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
                #expect(server.metrics.failed("abandoned") == 1)
                #expect(server.metrics.running == 1)
                #expect(server.metrics.firstTokens == nil)
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
                #expect(server.metrics.failed("QueueFull") == 1)
                #expect(server.metrics.waiting == 1)
                first.cancel()
                second.cancel()
                try await eventually({ server.metrics.total == 3 }, "all three requests are counted")
            }
        }
    }
}
