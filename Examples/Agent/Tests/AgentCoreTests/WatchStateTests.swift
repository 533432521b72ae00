import GenAIOtel
import Testing

@testable import AgentCore

@Suite("What is to be seen")
struct WatchStateTests {
    private let server = ServerIdentity(engine: "vllm", address: "h", port: 8000, attributes: ["zone": "1"])

    private func reading(running: Int? = 1, waiting: Int? = 0, tokens: Int = 0) -> ServerReading {
        var model = ModelReading(model: "m", kvCacheUsage: 50, requestsRunning: running, requestsWaiting: waiting)
        model.outputTokens = tokens
        return ServerReading(server: server, models: [model])
    }

    @Test("figures, rates and states of a server")
    func figures() throws {
        var state = WatchState()
        state.record(reading(running: 3, waiting: 2, tokens: 100), at: 0)
        state.record(reading(running: 1, waiting: 0, tokens: 180), at: 2)
        let seen = try #require(state.view.servers.first)
        #expect(
            seen.engine == "vllm" && seen.port == 8000 && seen.attributes == ["zone": "1"] && seen.state == .serving
        )
        let model = try #require(seen.models.first)
        #expect(model.running == 1 && model.waiting == 0 && model.max == nil && model.peak == 5)
        #expect(model.kvCachePercent == 50 && model.outputTokensPerSecond == 40)
        #expect(model.inputTokensPerSecond == nil)
    }

    @Test(
        "what a server does",
        arguments: [(1, 0, "serving"), (0, 2, "serving"), (0, 0, "idle"), (nil, nil, "up"), (nil, 1, "serving")]
            as [(Int?, Int?, String)]
    )
    func states(running: Int?, waiting: Int?, expected: String) {
        var state = WatchState()
        state.record(reading(running: running, waiting: waiting), at: 0)
        #expect(state.view.servers.map(\.state.rawValue) == [expected])
    }

    @Test("down and busy servers show no figures, and go on counting when they are back")
    func downAndBusy() throws {
        var state = WatchState()
        state.record(reading(tokens: 100), at: 0)
        state.record(.down(server, because: "no power"), at: 1)
        #expect(state.view.servers.map(\.state) == [.down])
        #expect(state.view.servers.first?.problem == "no power" && state.view.servers.first?.models.isEmpty == true)
        state.record(.busy(server), at: 2)
        #expect(state.view.servers.map(\.state) == [.busy])
        state.record(reading(tokens: 140), at: 4)
        #expect(state.view.servers.first?.models.first?.outputTokensPerSecond == 10)
    }

    @Test("a model that is gone is gone, and so is a server that is withdrawn")
    func gone() {
        var state = WatchState()
        state.record(reading(tokens: 100), at: 0)
        state.record(ServerReading(server: server), at: 1)
        #expect(state.view.servers.first?.models.isEmpty == true)
        #expect(state.view.servers.first?.state == .idle)
        state.record(reading(tokens: 500), at: 2)
        #expect(
            state.view.servers.first?.models.first?.outputTokensPerSecond == nil,
            "nobody knows what it did meanwhile"
        )
        state.withdraw(server)
        #expect(state.view.servers.isEmpty)
    }

    @Test("a server that lists ever other models, under long names, takes no more room")
    func manyModels() throws {
        var state = WatchState()
        for poll in 0..<3 {
            let models = (0..<1_000).map { index in
                ModelReading(model: "\(poll)-\(index)-" + String(repeating: "é", count: 10_000), requestsRunning: 1)
            }
            state.record(ServerReading(server: server, models: models), at: Double(poll))
        }
        let seen = try #require(state.view.servers.first)
        #expect(seen.models.count == WatchState.modelLimit && seen.furtherModels == 1_000 - WatchState.modelLimit)
        #expect(seen.models.allSatisfy { ($0.model?.utf8.count ?? 0) <= 256 && $0.model?.hasPrefix("2-") == true })
        #expect(state.readings.allSatisfy { $0.models.count == WatchState.modelLimit })
        var frame = Frame(state.view, theme: Theme(hasColors: false, isUnicode: true))
        frame.isInteractive = false
        let lines = frame.lines(Frame.Size(columns: 80, rows: 24))
        #expect(lines.contains { $0.hasPrefix("  872 further models") })
    }

    @Test("GPUs come and go")
    func gpus() {
        var state = WatchState()
        var gpu = GPUReading(id: "b", name: "H100", vendor: "NVIDIA", index: 1)
        gpu.utilization = 0.5
        gpu.setFigures()
        state.record(gpu)
        state.record(GPUReading(id: "a", index: 0, parent: "b"))
        #expect(state.view.gpus.map(\.id) == ["a", "b"])
        #expect(state.view.gpus.map(\.isSlice) == [true, false])
        #expect(
            state.view.gpus[1].memoryUsage == 7 && state.view.gpus[1].temperature == 60
                && state.view.gpus[1].power == 300
        )
        state.withdraw(gpu: "b")
        #expect(state.view.gpus.map(\.id) == ["a"])
    }

    @Test("JSON leaves out what nobody knows, and escapes names")
    func json() {
        var state = WatchState()
        var reading = reading(running: 2)
        reading.models[0].model = "a\u{1B}[2J/b\u{9B}31m\u{202E}"
        reading.models[0].requestsWaiting = nil
        state.record(reading, at: 0)
        let text = state.view.json
        #expect(text.contains(#""model":"a\u001b[2J/b\u009b31m\u202e""#) && text.contains(#""running":2"#))
        #expect(!text.contains("waiting") && !text.contains("\n"))
    }
}

extension GPUReading {
    fileprivate mutating func setFigures() {
        memoryUsage = 7
        memoryLimit = 10
        temperature = 60
        power = 300
    }
}
