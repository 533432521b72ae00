import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("An Ollama that is busy, and one on every kind of address", .blocking)
struct OllamaBusyTests {
    private let model = SimulatedOllama.Model("a", vram: gibibyte)

    @Test(
        "its list does not come in time, but its version does: up without figures, one line, and another when it is over"
    )
    func busy() throws {
        let ollama = try SimulatedOllama([model])
        defer { ollama.stop() }
        let test = try TestPoller(ollama.url, timeLimit: .seconds(1))
        #expect(try test.firstReading().models.count == 1)
        ollama.answer("/api/ps", .hang)
        for number in 2...3 {
            let reading = try test.nextReading(number)
            #expect(reading == .busy(ServerIdentity(engine: "ollama", address: "127.0.0.1", port: ollama.server.port)))
            #expect(reading.isUp && reading.models.isEmpty && reading.modelsLoaded == nil)
        }
        #expect(test.log.lines(.warning).count == 1)
        #expect(test.log.lines(.warning).first?.contains("is busy: it is up") == true)
        ollama.answer("/api/ps", nil)
        #expect(try test.nextReading(4).models.count == 1)
        #expect(test.log.lines(.info).last?.contains("can be read again (after 2 failures)") == true)
    }

    @Test(
        "without an answer of Ollama's to that, either, it is down",
        arguments: [
            LoopbackAnswer.hang, .close, .response(404), .response(503), .text("ok"), .json("{}"),
            .json(#"{"version":7}"#),
        ]
    )
    func down(version: LoopbackAnswer) throws {
        let ollama = try SimulatedOllama([model])
        defer { ollama.stop() }
        ollama.answer("/api/ps", .hang)
        ollama.answer("/api/version", version)
        let test = try TestPoller(ollama.url, timeLimit: .milliseconds(400))
        let reading = try test.firstReading()
        #expect(
            reading.withoutProblem
                == .down(ServerIdentity(engine: "ollama", address: "127.0.0.1", port: ollama.server.port))
        )
        #expect(test.log.lines(.warning).count == 1)
        #expect(test.log.lines(.warning).first?.contains("timed out") == true)
    }

    @Test(
        "a stop meanwhile takes effect at once and is no failure",
        arguments: ["/api/ps", "/api/version", "/api/show"]
    )
    func stopped(path: String) throws {
        let ollama = try SimulatedOllama([model])
        defer { ollama.stop() }
        if path == "/api/version" { ollama.answer("/api/ps", .hang) }
        ollama.answer(path, .hang)
        let made = try MadeProcesses()
        try made.add(10, name: "ollama")
        try made.addRunner(11, parent: 10)
        let test = try TestPoller(
            ollama.url,
            timeLimit: .seconds(path == "/api/version" ? 4 : 20),
            processRoot: made.root
        )
        test.poller.start()
        #expect(eventually { ollama.count(path) == 1 })
        let start = ContinuousClock.now
        #expect(test.poller.stop(timeout: .seconds(20)))
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(test.readings.all == [])
        #expect(test.log.lines(.warning) == [])
    }

    @Test("an IPv6 address is really polled, in either variable, and is this machine")
    func overIPv6() throws {
        let body =
            #"{"models":[{"name":"gemma3:latest","model":"gemma3:latest","size":6442450944,"size_vram":6442450944}]}"#
        let server = try LoopbackServer(isIPv6: true) { _ in .json(body) }
        defer { server.stop() }
        for environment in [
            ["OLLAMA_HOST": "[::1]:\(server.port)"], ["OLLAMA_BASE_URL": "http://[::1]:\(server.port)"],
            ["OLLAMA_HOST": "[::]:\(server.port)"], ["OLLAMA_HOST": "http://[0:0:0:0:0:0:0:0]:\(server.port)"],
        ] {
            let (readings, log) = (ReadingRecorder(), LogRecorder())
            let poller = OllamaServerMetricsPoller(
                OllamaConfiguration(
                    environment: environment.merging(["GENAI_OLLAMA_MAX_VRAM_GB": "24"]) { own, _ in own }
                ),
                logLevel: .debug,
                logHandler: log.handler,
                onReading: readings.record
            )
            poller.start()
            let reading = try #require(readings.wait())
            #expect(poller.stop())
            #expect(reading.isUp && reading.models.map(\.kvCacheUsage) == [25])
            #expect(reading.server.address == "::1")
            #expect(log.lines(.warning) == [])
        }
    }

    @Test("where no model is on a GPU, one line says which figure to look at")
    func noGPU() throws {
        let ollama = try SimulatedOllama([SimulatedOllama.Model("cpu")])
        defer { ollama.stop() }
        let test = try TestPoller(ollama.url)
        _ = try test.firstReading()
        _ = try test.nextReading(2)
        #expect(test.log.lines(.info).count { $0.contains("gen_ai.server.model.size") } == 1)
    }

    @Test("where one is, there is no such line")
    func someGPU() throws {
        let ollama = try SimulatedOllama([SimulatedOllama.Model("cpu"), model])
        defer { ollama.stop() }
        let test = try TestPoller(ollama.url)
        _ = try test.firstReading()
        #expect(!test.log.messages.joined().contains("gen_ai.server.model.size"))
    }

    @Test(
        "lines name what the address was really set by",
        arguments: [
            (["OLLAMA_BASE_URL": "U/x"], "OLLAMA_BASE_URL"), (["OLLAMA_HOST": "U/x"], "OLLAMA_HOST"),
            (["OLLAMA_BASE_URL": "nothing", "OLLAMA_HOST": "U/x"], "OLLAMA_HOST"),
        ]
    )
    func names(environment: [String: String], name: String) throws {
        let server = try LoopbackServer(always: .response(404))
        defer { server.stop() }
        let (readings, log) = (ReadingRecorder(), LogRecorder())
        let environment = environment.mapValues { $0.replacingOccurrences(of: "U", with: server.url) }
        let poller = OllamaServerMetricsPoller(
            OllamaConfiguration(environment: environment),
            logHandler: log.handler,
            onReading: readings.record
        )
        poller.start()
        #expect(readings.wait()?.isUp == false)
        #expect(poller.stop())
        #expect(log.lines(.warning).last?.contains("HTTP 404; \(name) must be") == true)
    }
}
