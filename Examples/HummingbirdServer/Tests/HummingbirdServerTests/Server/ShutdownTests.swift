import Foundation
import Testing

@testable import HummingbirdServer

extension ServerTests {
    @Suite("The end")
    struct ShutdownTests {
        private let body = """
            {"model": "small", "max_tokens": 20, "seed": 1, "messages": [{"role": "user", "content": "Hi"}]}
            """

        @Test("a graceful shutdown lets requests end, then exports the last values")
        func graceful() async throws {
            try await CollectorStub.with { stub, endpoint in
                let clock = ManualClock()
                try await RunningServer.with(
                    .manual(concurrency: 1),
                    clock: clock,
                    configure: { configuration in
                        configuration.exporters = [.otlp]
                        configuration.otlp.endpoint = try #require(URL(string: "\(endpoint)/v1/metrics"))
                        configuration.exportInterval = .seconds(3_600)
                    }
                ) { server in
                    let client = Task { try await server.post(body).status }
                    await clock.waitForSleepers(1)
                    await server.shutDown()
                    clock.advance(by: .seconds(60))
                    let status = try await client.value
                    #expect(status == 200)
                }
                #expect(stub.exportCount == 1)
                #expect(try stub.lastRequestCounts() == ["": 1])
            }
        }

        @Test("what has not ended in time is cut off, counted and exported")
        func drainLimit() async throws {
            try await CollectorStub.with { stub, endpoint in
                let clock = ManualClock()
                try await RunningServer.with(
                    .manual(concurrency: 1),
                    clock: clock,
                    drainTime: .milliseconds(50),
                    configure: { configuration in
                        configuration.exporters = [.otlp]
                        configuration.otlp.endpoint = try #require(URL(string: "\(endpoint)/v1/metrics"))
                        configuration.exportInterval = .seconds(3_600)
                    }
                ) { server in
                    let client = Task { try await server.post(body) }
                    await clock.waitForSleepers(1)
                    await server.shutDown()
                    let status = try? await client.value.status
                    #expect(status != 200)
                }
                #expect(try stub.lastRequestCounts() == ["shutdown": 1])
            }
        }

        @Test("a client that hangs up during a graceful shutdown is still no error of the server")
        func hangUp() async throws {
            let clock = ManualClock()
            let instrumentation = try await RunningServer.with(.manual(concurrency: 1), clock: clock) { server in
                let client = Task { try await server.post(body) }
                await clock.waitForSleepers(1)
                await server.shutDown()
                client.cancel()
                _ = await client.result
                return server.instrumentation
            }
            #expect(PrometheusValues(instrumentation.prometheusText()).failures == ["client_gone": 1])
        }

        @Test("the program ends at a signal with status 0, its last values delivered")
        func signal() async throws {
            try await CollectorStub.with { stub, endpoint in
                let program = try BuiltProgram(
                    "HummingbirdServer",
                    ["--port", "0", "--speed", "1000"],
                    environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint]
                )
                try await eventually({ program.text.hasSuffix("\n") }, "the server listens")
                let url = try #require(program.text.split(separator: " ").last).trimmingCharacters(in: .newlines)
                let traffic = ["--duration", "0.5", "--rate", "40", "--hang-ups", "0"]
                let load = try BuiltProgram("load", ["--url", url] + traffic)
                #expect(await load.status() == 0)
                program.terminate()
                #expect(await program.status() == 0)
                let counts = try stub.lastRequestCounts()
                #expect(counts[""] == LoadSummary(load.text)["status 200"])
                #expect(stub.exportCount == 1)
            }
        }

        @Test("an address that is taken is an error, not a hang")
        func takenAddress() async throws {
            try await RunningServer.with { server in
                let port = try #require(server.url.split(separator: ":").last).description
                let program = try BuiltProgram("HummingbirdServer", ["--port", port])
                #expect(await program.status() == 1)
            }
        }
    }
}
