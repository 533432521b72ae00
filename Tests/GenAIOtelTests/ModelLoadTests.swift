import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Models that come and go")
struct ModelLoadTests {
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector
    private let server = ServerIdentity(engine: "ollama", address: "gpu-1", port: 11434)

    init() {
        metrics = ServerMetricsCollector(cardinalityLimit: 3, log: Log(level: nil), timeSource: time)
    }

    private func list(_ models: String..., after interval: Duration = .seconds(5)) {
        time.advance(by: interval)
        let readings = models.map { name in
            var model = ModelReading(model: name, kvCacheUsage: 0, vram: 0)
            model.size = 373_093_826
            model.contextLength = 4096
            return model
        }
        metrics.record(ServerReading(server: server, modelsLoaded: models.count, models: readings))
    }

    private func snapshot() -> MetricSnapshot { metrics.snapshot(time: time.unixNanoseconds) }

    /// Loads and unloads of each model.
    private func counts(_ snapshot: MetricSnapshot) -> [String: [Int]] {
        var result: [String: [Int]] = [:]
        for (index, descriptor) in [MetricDescriptor.modelLoads, .modelUnloads].enumerated() {
            for point in snapshot.metrics.first(where: { $0.descriptor == descriptor })?.points ?? [] {
                let model = point.attributes.first { $0.key == "model" }
                guard case .string(let name)? = model?.value, case .int(let count) = point.value else { continue }
                result[name, default: [0, 0]][index] = count
            }
        }
        return result
    }

    @Test("what is there at first was not seen to come; what comes and goes is counted from one poll to the next")
    func counted() {
        list("a")
        #expect(counts(snapshot()) == ["a": [0, 0]])
        list("a", "b")
        #expect(counts(snapshot()) == ["a": [0, 0], "b": [1, 0]])
        list("b")
        #expect(counts(snapshot()) == ["a": [0, 1], "b": [1, 0]])
        list()
        list("a")
        #expect(counts(snapshot()) == ["a": [1, 1], "b": [1, 1]])
    }

    @Test("the points carry the attributes of gauges, and begin with the reading before")
    func attributes() throws {
        list()
        let start = time.unixNanoseconds
        list("a")
        let point = try #require(snapshot().metrics.first { $0.descriptor == .modelLoads }?.points.first)
        #expect(
            point.attributes == [
                Attribute("engine", .string("ollama")), Attribute("server.address", .string("gpu-1")),
                Attribute("server.port", .int(11434)), Attribute("model", .string("a")),
            ]
        )
        #expect(point.start == start)
        let text = PrometheusTextEncoder(resource: Resource([:])).encode(snapshot())
        let labels = #"{engine="ollama",server_address="gpu-1",server_port="11434",model="a"}"#
        for line in [
            "gen_ai_server_model_loads_total\(labels) 1", "gen_ai_server_model_unloads_total\(labels) 0",
            "gen_ai_server_model_size\(labels) 373093826", "gen_ai_server_model_context_length\(labels) 4096",
        ] {
            #expect(text.contains(line), "\(line)")
        }
    }

    @Test("each is in exactly one delta, also over an outage, a busy spell and a day without the model")
    func deltas() {
        var temporality = DeltaTemporality()
        func delta() -> [String: [Int]] { counts(temporality.next(snapshot())) }
        list("a")
        _ = delta()
        list("a", "b")
        #expect(delta()["b"] == [1, 0])
        #expect(delta().isEmpty)
        for reading in [ServerReading.down(server), .busy(server)] {
            time.advance(by: .seconds(5))
            metrics.record(reading)
            #expect(delta().isEmpty)
        }
        list("b")
        #expect(delta() == ["a": [0, 1]])
        list(after: .seconds(5))
        list(after: .seconds(86_400))
        list("b")
        #expect(delta() == ["b": [1, 1]])
        #expect(counts(snapshot()) == ["a": [0, 1], "b": [2, 1]], "cumulative sums go on")
    }

    @Test("a model that went during a long outage is unloaded once it is known")
    func longOutage() {
        list("a")
        list("a", "b")
        time.advance(by: .seconds(5))
        metrics.record(.down(server))
        #expect(counts(snapshot()).isEmpty, "a server that is down reports nothing")
        time.advance(by: .seconds(3_600))
        metrics.record(.down(server))
        list("b")
        list("b")
        #expect(counts(snapshot()) == ["a": [0, 1], "b": [1, 0]])
    }

    @Test("models that move within the limit are not loaded, and names without end do not fill the memory")
    func limit() {
        list("a", "b", "c", "d", "e")
        list("e", "d", "c", "b", "a")
        #expect(counts(snapshot()).values.allSatisfy { $0 == [0, 0] })
        for number in 0..<100 { list("m\(number)") }
        #expect(counts(snapshot()).count <= 5)
    }

    @Test("a server that does not list its memory has no loads")
    func otherServers() {
        time.advance(by: .seconds(5))
        metrics.record(ServerReading(server: server, models: [ModelReading(model: "a", requestsRunning: 1)]))
        #expect(counts(snapshot()).isEmpty)
    }
}

#if os(Linux)
@Suite("What Ollama's runners count, in the collector", .blocking)
struct RunnerCounterTests {
    /// The page of a runner that has written so many tokens.
    private func page(_ tokens: Int) -> String {
        """
        # TYPE llamacpp:prompt_tokens_total counter
        llamacpp:prompt_tokens_total \(tokens * 2)
        # TYPE llamacpp:tokens_predicted_total counter
        llamacpp:tokens_predicted_total \(tokens)
        # TYPE llamacpp:requests_processing gauge
        llamacpp:requests_processing 1

        """
    }

    @Test(
        "every token is in exactly one delta: of a runner that is there, that is replaced, and of a model that is loaded"
    )
    func deltas() throws {
        let file = "/blobs/sha256-\(UUID().uuidString)"
        let ollama = try SimulatedOllama([SimulatedOllama.Model("m", file: file)])
        defer { ollama.stop() }
        let slots = #"[{"id":0,"n_ctx":2048,"is_processing":true,"n_prompt_tokens":7}]"#
        let runners = try (0..<2).map { _ in try SimulatedRunner(slots: slots, metrics: page(0)) }
        defer { for runner in runners { runner.stop() } }
        let parent = try RunnerParent()
        defer { parent.stop() }

        let metrics = ServerMetricsCollector(cardinalityLimit: 10, log: Log(level: nil))
        let (time, polls) = (ManualTimeSource(), Monitor(0))
        let poller = OllamaServerMetricsPoller(
            OllamaConfiguration(environment: ["OLLAMA_BASE_URL": ollama.url, "GENAI_OLLAMA_MAX_VRAM_GB": "1"]),
            log: Log(level: nil),
            timeSource: time,
            timeLimit: .seconds(20),
            onReading: { reading in
                metrics.record(reading)
                polls.mutate { $0 += 1 }
            }
        )
        defer { poller.stop() }
        var number = 0
        var temporality = DeltaTemporality()
        /// Polls, and gives the tokens written since the last time, and the points' other attributes.
        func poll() throws -> [NumberPoint] {
            number += 1
            if number == 1 { poller.start() } else { #expect(time.waitForSleepers()) }
            if number > 1 { time.advance(by: .seconds(5)) }
            let expected = number
            #expect(polls.wait(until: .now + .seconds(30)) { $0 >= expected ? true : nil } == true)
            let snapshot = temporality.next(metrics.snapshot(time: SystemTimeSource().unixNanoseconds))
            let points = snapshot.metrics.first { $0.descriptor == .tokens }?.points ?? []
            return points.filter { $0.attributes.contains(Attribute("gen_ai.token.type", .string("output"))) }
        }

        let start = Date.now
        var id = try parent.startRunner(model: file, port: runners[0].port)
        runners[0].answer("/metrics", .text(page(100)))
        _ = try poll()
        runners[0].answer("/metrics", .text(page(130)))
        let points = try poll()
        #expect(points.map(\.value) == [.int(30)])
        #expect(
            points.first?.attributes == [
                Attribute("gen_ai.provider.name", .string("ollama")), Attribute("server.address", .string("127.0.0.1")),
                Attribute("server.port", .int(ollama.server.port)), Attribute("gen_ai.request.model", .string("m")),
                Attribute("gen_ai.token.type", .string("output")),
            ]
        )

        // Another one in its place, that has soon written more.
        parent.end(id)
        #expect(try poll() == [])
        // Starts less than a second apart are taken for the same one, told twice.
        #expect(eventually { Date.now > start + 1.2 })
        id = try parent.startRunner(model: file, port: runners[1].port)
        runners[1].answer("/metrics", .text(page(500)))
        #expect(try poll().map(\.value) == [.int(500)])
        runners[1].answer("/metrics", .text(page(501)))
        #expect(try poll().map(\.value) == [.int(1)])

        // Another model, which is loaded and writes before the next poll.
        let other = "/blobs/sha256-\(UUID().uuidString)"
        parent.end(id)
        ollama.load([SimulatedOllama.Model("n", file: other)])
        try parent.startRunner(model: other, port: runners[0].port)
        runners[0].answer("/metrics", .text(page(20)))
        #expect(try poll().map(\.value) == [.int(20)])
    }
}
#endif
