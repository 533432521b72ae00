import Testing

@testable import HummingbirdServer

extension ServerTests {
    @Suite("Under load")
    struct LoadTests {
        @Test("what is measured is what clients saw, and nothing is left behind")
        func consistency() async throws {
            var options = ServerOptions.fast
            options.speed = 5
            options.concurrency = 2
            options.queueLimit = 4
            try await RunningServer.with(options) { server in
                let traffic = ["--rate", "60", "--duration", "2", "--hang-ups", "0.3", "--errors", "0.1"]
                let load = try BuiltProgram("load", ["--url", server.url] + traffic)
                #expect(await load.status() == 0)
                let seen = LoadSummary(load.text)
                try await eventually({ server.metrics.running == 0 }, "nothing runs")
                let metrics = server.metrics
                #expect(metrics.waiting == 0)
                #expect(metrics.kvCacheUsage("small") == 0)
                #expect(metrics.kvCacheUsage("large") == 0)
                // All kinds of ends were seen.
                for end in ["status 200", "status 400", "status 404", "status 429", "hung up"] {
                    #expect(seen[end] > 0, "\(end): \(load.text)")
                }
                // What the server could not make sense of was never asked of a model.
                let asked = seen.total - seen["status 400"] - seen["status 404"]
                #expect(metrics.total.map { Int($0) } == asked, "\(load.text)")
                #expect(metrics.failures.keys.sorted() == ["client_gone", "queue_full"])
                #expect(metrics.failed("queue_full").map { Int($0) } == seen["status 429"])
                // Who meant to hang up may have had the whole answer before.
                #expect(metrics.failed("client_gone").map { Int($0) } ?? 0 <= seen["hung up"])
                #expect(metrics.tokens("output") ?? 0 > 0)
                #expect(metrics.prefixCacheHits ?? 0 > 0)
                #expect(metrics.sum("gen_ai_requests_total", "tenant=\"") == metrics.total)
            }
        }

        @Test("a server that is not there and an option that makes no sense are errors")
        func program() async throws {
            let unreachable = try BuiltProgram("load", ["--url", "http://127.0.0.1:1"])
            #expect(await unreachable.status() == 1)
            let senseless = try BuiltProgram("load", ["--rate", "many"])
            #expect(await senseless.status() == 2)
        }
    }
}
