#if os(Linux)
import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("What Ollama's runners tell, with real processes", .blocking)
struct OllamaRunnersTests {
    /// Files that no other process on this machine has.
    private static func file() -> String { "/models/blobs/sha256-\(UUID().uuidString)" }

    private let mid = SimulatedOllama.Model("mid:latest", file: file())
    private let tiny = SimulatedOllama.Model("tiny:latest", file: file(), size: 5_882_510)

    /// A runner of `mid`, recorded while two requests ran.
    private func busyRunner(metrics: Bool = true) throws -> SimulatedRunner {
        try SimulatedRunner(
            slots: Fixture.text("runner-mid-slots.json"),
            metrics: metrics ? Fixture.text("runner-mid-metrics.txt") : nil
        )
    }

    /// One of `tiny`, recorded at the same moment, with nothing to do.
    private func idleRunner(metrics: Bool = true) throws -> SimulatedRunner {
        try SimulatedRunner(
            slots: Fixture.text("runner-tiny-slots.json"),
            metrics: metrics ? Fixture.text("runner-tiny-metrics.txt") : nil
        )
    }

    private func poller(_ ollama: SimulatedOllama, _ environment: [String: String] = [:]) throws -> TestPoller {
        try TestPoller(ollama.url, processRoot: "/proc", environment: environment)
    }

    @Test("two models, one busy: requests, slots and tokens of each; counters of the one that has a metrics page")
    func twoModels() throws {
        let ollama = try SimulatedOllama([mid, tiny])
        defer { ollama.stop() }
        let (busy, idle) = (try busyRunner(metrics: false), try idleRunner())
        defer { busy.stop() }
        defer { idle.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: mid.file, port: busy.port)
        try parent.startRunner(model: tiny.file, port: idle.port)
        let test = try poller(ollama)
        let models = try test.firstReading().models
        #expect(models.map(\.model) == ["mid:latest", "tiny:latest"])
        #expect(models.map(\.requestsRunning) == [2, 0])
        #expect(models.map(\.requestsMax) == [2, 2])
        #expect(models.map(\.kvCacheTokens) == [281, 0])
        #expect(models.map(\.kvCacheSize) == [8192, 4096])
        #expect(models.map(\.inputTokens) == [nil, 21])
        #expect(models.map(\.outputTokens) == [nil, 8])
        #expect(models.map(\.kvCacheUsage) == [0, 0], "that is the share of the GPU memory")
        #expect(models.map(\.requestsWaiting) == [nil, nil], "the queue is Ollama's, and nobody tells its length")
        #expect(models.map(\.size) == [373_093_826, 5_882_510])
        #expect(models.map(\.contextLength) == [4096, 4096])

        // The page that was refused is asked for again in a minute, the models' files are not.
        busy.answer("/metrics", .text(try Fixture.text("runner-mid-metrics.txt")))
        #expect(try test.nextReading(2).models.map(\.inputTokens) == [nil, 21])
        #expect(busy.count("/metrics") == 1)
        #expect(try test.nextReading(3, after: .seconds(60)).models.map(\.inputTokens) == [118, 21])
        #expect(ollama.count("/api/show") == 2)
        #expect(busy.server.requests.allSatisfy { $0.method == "GET" && $0.headers["authorization"] == nil })
        #expect(test.log.lines(.warning) == [])
    }

    @Test("a runner that dies costs its own figures; another one of the same model has them at once")
    func replaced() throws {
        let ollama = try SimulatedOllama([mid, tiny])
        defer { ollama.stop() }
        let (busy, idle, other) = (try busyRunner(), try idleRunner(), try idleRunner())
        defer { for runner in [busy, idle, other] { runner.stop() } }
        let parent = try RunnerParent()
        defer { parent.stop() }
        let first = try parent.startRunner(model: mid.file, port: busy.port)
        try parent.startRunner(model: tiny.file, port: idle.port)
        let test = try poller(ollama)
        let start = try test.firstReading().models.first?.replicas.first?.startTime
        parent.end(first)
        let second = try test.nextReading(2)
        #expect(second.isUp && second.modelsLoaded == 2)
        #expect(second.models.map(\.requestsRunning) == [nil, 0])
        #expect(second.models.map(\.outputTokens) == [nil, 8])
        #expect(second.models.map(\.size) == [373_093_826, 5_882_510])
        try parent.startRunner(model: mid.file, port: other.port)
        let third = try test.nextReading(3)
        #expect(third.models.map(\.requestsRunning) == [0, 0])
        #expect(third.models.map(\.outputTokens) == [8, 8])
        let later = third.models.first?.replicas.first?.startTime
        #expect(start != nil && later != nil && start.map { $0 < later ?? .distantPast } == true)
        #expect(test.log.lines(.warning) == [])
    }

    @Test("one that hangs costs its own figures, and is asked after the others until it answers again")
    func hangs() throws {
        let ollama = try SimulatedOllama([mid, tiny])
        defer { ollama.stop() }
        let (busy, idle) = (try busyRunner(), try idleRunner())
        defer { busy.stop() }
        defer { idle.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: mid.file, port: busy.port)
        try parent.startRunner(model: tiny.file, port: idle.port)
        busy.answer("/slots", .hang)
        let test = try poller(ollama)
        #expect(try test.firstReading().models.map(\.requestsRunning) == [nil, 0])
        #expect(test.log.lines(.debug).contains { $0.contains("1 of its runners could not be read") })
        #expect(try test.nextReading(2).models.map(\.requestsRunning) == [nil, 0])
        busy.answer("/slots", .json(try Fixture.text("runner-mid-slots.json")))
        #expect(try test.nextReading(3).models.map(\.requestsRunning) == [2, 0])
        #expect(test.log.lines(.warning) == [])
    }

    @Test(
        "answers that are not those of a llama.cpp server cost their figures, and are asked for again in a minute",
        arguments: [
            LoopbackAnswer.response(404), .response(401), .json("{}"), .text("<html>"), .close,
            .json(String(repeating: "[", count: 100_000)), .response(200, body: Data(count: 5_000_000)),
        ]
    )
    func nonsense(answer: LoopbackAnswer) throws {
        let ollama = try SimulatedOllama([mid])
        defer { ollama.stop() }
        let busy = try busyRunner()
        defer { busy.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: mid.file, port: busy.port)
        busy.answer("/slots", answer)
        let test = try poller(ollama)
        let model = try #require(test.firstReading().models.first)
        #expect(model.requestsRunning == nil && model.requestsMax == nil && model.outputTokens == nil)
        #expect(model.size == 373_093_826)
        busy.answer("/slots", .json(try Fixture.text("runner-mid-slots.json")))
        #expect(try test.nextReading(2, after: .seconds(60)).models.first?.requestsRunning == 2)
        #expect(test.log.lines(.warning) == [])
    }

    @Test("one that listens elsewhere is not asked", arguments: ["0.0.0.0", "192.168.0.5"])
    func elsewhere(host: String) throws {
        try expectNobodyIsAsked { try $0.startRunner(model: mid.file, port: $1, host: host) }
    }

    @Test("the child of another process is not asked")
    func otherParent() throws {
        try expectNobodyIsAsked(parent: "shell") { try $0.startRunner(model: mid.file, port: $1) }
    }

    @Test("one of another model is not asked")
    func otherModel() throws {
        try expectNobodyIsAsked { try $0.startRunner(model: Self.file(), port: $1) }
    }

    @Test("two of one model can't be told apart")
    func twoOfOne() throws {
        try expectNobodyIsAsked { parent, port in
            for _ in 0..<2 { try parent.startRunner(model: mid.file, port: port) }
        }
    }

    @Test("switched off: neither a runner nor Ollama is asked for anything more")
    func switchedOff() throws {
        let ollama = try expectNobodyIsAsked(environment: ["GENAI_OLLAMA_RUNNERS": "false"]) {
            try $0.startRunner(model: mid.file, port: $1)
        }
        #expect(Set(ollama.map(\.target)) == ["/api/ps"])
    }

    @Test("no process is looked at for an Ollama on another machine, or when it is switched off")
    func nothingIsRead() throws {
        func runners(_ environment: [String: String]) throws -> OllamaRunners? {
            let target = OllamaTarget.check(OllamaConfiguration(environment: environment)).target
            return try #require(target).runners(
                processRoot: "/nowhere",
                log: Log(level: nil),
                timeSource: ManualTimeSource()
            )
        }
        #expect(try runners([:]) != nil)
        #expect(try runners(["OLLAMA_BASE_URL": "http://gpu-box.example:11434"]) == nil)
        #expect(try runners(["OLLAMA_HOST": "192.0.2.7"]) == nil)
        #expect(try runners(["GENAI_OLLAMA_RUNNERS": "false"]) == nil)
        #expect(try runners(["GENAI_OLLAMA_RUNNERS": "FALSE"]) == nil)
        #expect(try runners(["GENAI_OLLAMA_RUNNERS": "maybe"]) != nil)
        #expect(OllamaConfiguration(environment: ["GENAI_OLLAMA_RUNNERS": "maybe"]).warnings.count == 1)
    }

    @Test("several names of one file share a runner: its figures are reported once")
    func sharedFile() throws {
        let names = ["a", "b"].map { SimulatedOllama.Model($0, file: mid.file) }
        let ollama = try SimulatedOllama(names)
        defer { ollama.stop() }
        let busy = try busyRunner()
        defer { busy.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: mid.file, port: busy.port)
        let models = try poller(ollama).firstReading().models
        #expect(models.map(\.requestsRunning) == [2, nil])
        #expect(busy.count("/slots") == 1)
    }

    @Test("files are matched by their content's name, wherever they are mounted; other names only in whole")
    func mounted() throws {
        let name = "sha256-\(UUID().uuidString)"
        let models = [
            SimulatedOllama.Model("same", file: "/var/lib/ollama/models/blobs/\(name)"),
            SimulatedOllama.Model("own", file: "/home/me/my-\(name).gguf"),
        ]
        let ollama = try SimulatedOllama(models)
        defer { ollama.stop() }
        let busy = try busyRunner()
        defer { busy.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: "/data/blobs/\(name)", port: busy.port)
        try parent.startRunner(model: "/data/my-\(name).gguf", port: busy.port)
        #expect(try poller(ollama).firstReading().models.map(\.requestsRunning) == [2, nil])
    }

    @Test(
        "a model whose file is not told has no runner, and is asked again after a while",
        arguments: [
            LoopbackAnswer.response(404), .json("{}"), .json(#"{"modelfile":7}"#), .json(#"{"modelfile":"FROM"}"#),
            .hang,
            .response(200, body: Data(count: 5_000_000)),
        ]
    )
    func unknownFile(answer: LoopbackAnswer) throws {
        let ollama = try SimulatedOllama([mid])
        defer { ollama.stop() }
        let busy = try busyRunner()
        defer { busy.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        try parent.startRunner(model: mid.file, port: busy.port)
        ollama.answer("/api/show", answer)
        let test = try TestPoller(ollama.url, timeLimit: .seconds(1), processRoot: "/proc")
        let first = try test.firstReading()
        #expect(first.isUp && first.models.map(\.requestsRunning) == [nil])
        #expect(test.log.lines(.debug).contains { $0.contains("no runner was found for 1 of its models") })
        ollama.answer("/api/show", nil)
        #expect(try test.nextReading(2).models.map(\.requestsRunning) == [nil])
        #expect(ollama.count("/api/show") == 1)
        #expect(try test.nextReading(3, after: .seconds(30)).models.map(\.requestsRunning) == [2])
        #expect(test.log.lines(.warning) == [])
    }

    @Test("a machine that hides its processes: no figures, and one line at level debug")
    func hidden() throws {
        let made = try MadeProcesses()
        try made.add(10, name: "ollama")
        try made.add(11, parent: 10)
        let ollama = try SimulatedOllama([mid])
        defer { ollama.stop() }
        let test = try TestPoller(ollama.url, processRoot: made.root)
        for number in 1...3 {
            let reading = number == 1 ? try test.firstReading() : try test.nextReading(number)
            #expect(reading.models.map(\.requestsRunning) == [nil])
        }
        #expect(test.log.lines(.debug).count { $0.contains("none of its runners was found") } == 1)
        #expect(ollama.count("/api/show") == 0)
        #expect(test.log.lines(.warning) == [])
    }

    @Test("nothing loaded: no process is looked for, and nobody is asked")
    func nothingLoaded() throws {
        let ollama = try SimulatedOllama()
        defer { ollama.stop() }
        let test = try poller(ollama)
        #expect(try test.firstReading().models == [])
        #expect(ollama.server.requests.map(\.target) == ["/api/ps"])
        #expect(!test.log.messages.joined().contains("runner"))
    }

    /// - Returns: what Ollama was asked for.
    @discardableResult
    private func expectNobodyIsAsked(
        parent name: String = "ollama",
        environment: [String: String] = [:],
        start: (RunnerParent, Int) throws -> Void
    ) throws -> [ReceivedRequest] {
        let ollama = try SimulatedOllama([mid])
        defer { ollama.stop() }
        let busy = try busyRunner()
        defer { busy.stop() }
        let parent = try RunnerParent(name: name)
        defer { parent.stop() }
        try start(parent, busy.port)
        let test = try poller(ollama, environment)
        let readings = [try test.firstReading(), try test.nextReading(2)]
        #expect(readings.allSatisfy { $0.isUp && $0.models.count == 1 })
        #expect(readings.flatMap(\.models).allSatisfy { $0.requestsRunning == nil && $0.kvCacheTokens == nil })
        #expect(busy.server.requests.isEmpty)
        #expect(test.log.lines(.warning) == [])
        return ollama.server.requests
    }
}
#endif
