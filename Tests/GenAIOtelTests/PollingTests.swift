import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

/// A server of the application's own.
private struct OwnServer: ServerMetricsSource {
    let server = ServerIdentity(engine: "my-engine", address: "localhost", port: 9000)

    func read() async throws -> ServerReading {
        ServerReading(server: server, models: [ModelReading(model: "mine", kvCacheUsage: 12.5, requestsRunning: 2)])
    }
}

extension InstrumentationTests {
    /// They share the one instrumentation that a process has with the suite around them.
    @Suite("instrument() polls")
    struct PollingTests {
        private let recorder = LogRecorder()

        private func configuration(_ environment: [String: String]) -> GenAIConfiguration {
            var environment = environment
            environment["OTEL_METRICS_EXPORTER"] = "none"
            var configuration = GenAIConfiguration(environment: environment)
            configuration.logHandler = recorder.handler
            return configuration
        }

        private func waitForReading(from engine: String) -> ServerReading? {
            func reading() -> ServerReading? {
                getServerMetrics()?.readings.first { $0.server.engine == engine && $0.isUp }
            }
            return eventually { reading() != nil } ? reading() : nil
        }

        @Test("Ollama by itself: what it has loaded is in the collector, and the thread ends at shutdown")
        func ollama() throws {
            let answer =
                #"{"models":[{"name":"llama3:8b","model":"llama3:8b","size":12884901888,"size_vram":12884901888}]}"#
            let server = try LoopbackServer(always: .json(answer))
            defer { server.stop() }
            let environment = ["OLLAMA_BASE_URL": server.url, "GENAI_OLLAMA_MAX_VRAM_GB": "24"]
            let instrumentation = instrument(configuration(environment))
            let reading = try #require(waitForReading(from: "ollama"))
            #expect(reading.models.first?.kvCacheUsage == 50)
            #expect(reading.modelsLoaded == 1)
            #expect(server.requests.first?.target == "/api/ps")
            #expect(instrumentation.serverMetrics.requestsMax == nil)
            #expect(instrumentation.shutdown())
            #expect(eventually { !threadNames().contains("genai-ollama") })
        }

        @Test("an engine by its address alone")
        func engine() throws {
            let page = """
                # TYPE vllm:num_requests_running gauge
                vllm:num_requests_running{engine="0",model_name="m"} 3.0
                vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
                vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25

                """
            let server = try LoopbackServer(always: .text(page))
            defer { server.stop() }
            let environment = [
                "GENAI_SERVER_METRICS_TARGETS": server.url, "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
            ]
            let instrumentation = instrument(configuration(environment))
            let reading = try #require(waitForReading(from: "vllm"))
            let figures = ModelReading(model: "m", kvCacheUsage: 25, requestsRunning: 3, requestsWaiting: 1)
            #expect(reading.models == [figures])
            #expect(instrumentation.shutdown())
            #expect(eventually { !threadNames().contains("genai-engines") })
        }

        @Test("a source of the application's own")
        func source() throws {
            var configuration = configuration(["GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"])
            configuration.sources = [OwnServer()]
            let instrumentation = instrument(configuration)
            #expect(waitForReading(from: "my-engine")?.models.first?.kvCacheUsage == 12.5)
            #expect(instrumentation.shutdown())
        }

        @Test("switched off or disabled: nobody is asked")
        func off() throws {
            let server = try LoopbackServer(always: .json("{}"))
            defer { server.stop() }
            for switchedOff in ["GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "OTEL_SDK_DISABLED": "true"] {
                var environment = ["OLLAMA_BASE_URL": server.url]
                environment[switchedOff.key] = switchedOff.value
                let instrumentation = instrument(configuration(environment))
                #expect(eventually { !threadNames().contains("genai-ollama") })
                #expect(instrumentation.shutdown())
            }
            #expect(server.requests.isEmpty)
        }
    }
}
