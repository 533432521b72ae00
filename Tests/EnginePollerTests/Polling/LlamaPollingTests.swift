import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("llama.cpp as it is run", .blocking)
struct LlamaPollingTests {
    /// A server whose answers a test can change, and what reads it when the test asks for it.
    private final class Bench {
        let server: LoopbackServer
        let poll: TargetPoll
        let time = ManualTimeSource()
        let log = LogRecorder()
        private let answers: Locked<[String: LoopbackAnswer]>

        /// - Parameter answers: by path and query; others are not found.
        init(_ answers: [String: LoopbackAnswer], query: String = "", timeout: Duration = .seconds(10)) throws {
            let answers = Locked(answers)
            self.answers = answers
            server = try LoopbackServer { request in answers.withLock { $0[request.target] } ?? .response(404) }
            let target = EngineTarget(url: try #require(URL(string: server.url + "/metrics" + query)))
            let request = try #require(TargetRequest.requests(for: [target]).requests.first)
            poll = TargetPoll(request, engine: nil, timeout: timeout, time, log.log())
        }

        deinit {
            poll.close()
            server.stop()
        }

        subscript(target: String) -> LoopbackAnswer? {
            get { answers.withLock { $0[target] } }
            set { answers.withLock { $0[target] = newValue } }
        }

        func read() throws -> ServerReading { try #require(poll.read(Cancellation())) }

        func requests(_ target: String) -> Int { server.requests.count { $0.target == target } }
    }

    private static func page(running: Int, waiting: Int = 0) -> LoopbackAnswer {
        .text("llamacpp:requests_processing \(running)\nllamacpp:requests_deferred \(waiting)\n")
    }

    private static func props(slots: Int, size: Int = 1024, more: String = "") -> LoopbackAnswer {
        .json(#"{"total_slots":\#(slots),"default_generation_settings":{"n_ctx":\#(size)}\#(more)}"#)
    }

    private static func slots(_ tokens: Int?..., size: Int = 1024) -> LoopbackAnswer {
        let slots = tokens.map { tokens in
            #"{"n_ctx":\#(size),"is_processing":true"# + (tokens.map { #","n_prompt_tokens":\#($0)"# } ?? "") + "}"
        }
        return .json("[\(slots.joined(separator: ","))]")
    }

    private static let models = LoopbackAnswer.json(#"{"data":[{"id":"tiny"}]}"#)

    // MARK: - Asleep and busy

    @Test("a server that executes nothing is not asked for its slots: that would wake it")
    func asleep() throws {
        let bench = try Bench([
            "/metrics": Self.page(running: 0), "/props": Self.props(slots: 2), "/slots": Self.slots(100, 100),
            "/v1/models": Self.models,
        ])
        let model = try #require(try bench.read().models.first)
        #expect(model.requestsMax == 2)
        #expect(model.kvCacheUsage == 0 && model.kvCacheTokens == 0 && model.kvCacheSize == 2048)
        #expect(bench.requests("/slots") == 0)
        bench["/metrics"] = Self.page(running: 1)
        #expect(try bench.read().models.first?.kvCacheTokens == 200)
        #expect(bench.requests("/slots") == 1)
        bench["/metrics"] = Self.page(running: 0)
        #expect(try bench.read().models.first?.kvCacheUsage == 0)
        #expect(bench.requests("/slots") == 1)
        #expect(bench.requests("/props") == 1)
        #expect(bench.log.lines(.warning).isEmpty)
    }

    @Test("one whose page waits behind a long prompt is busy, not down, and has no figures meanwhile")
    func busy() throws {
        let bench = try Bench(
            [
                "/metrics": Self.page(running: 1), "/props": Self.props(slots: 1), "/slots": Self.slots(512),
                "/v1/models": Self.models, "/health": .json(#"{"status":"ok"}"#),
            ],
            timeout: .seconds(1)
        )
        #expect(try bench.read().models.first?.kvCacheUsage == 50)
        bench["/metrics"] = .hang
        let reading = try bench.read()
        #expect(reading == .busy(reading.server))
        #expect(reading.isUp && reading.server.engine == "llama.cpp")
        #expect(bench.log.lines(.warning).count == 1)
        #expect(bench.log.lines(.warning).first?.contains("is busy") == true)
        bench["/metrics"] = Self.page(running: 1)
        #expect(try bench.read().models.first?.kvCacheUsage == 50)
        // Not every program that answers at all is one that is merely busy.
        for health in [LoopbackAnswer.text(""), .json(#"{"status":"loading model"}"#), .response(503)] {
            bench["/metrics"] = .hang
            bench["/health"] = health
            #expect(try !bench.read().isUp)
        }
    }

    // MARK: - The cache

    @Test("four slots may share one cache: no usage, until they hold more than one of them can")
    func unified() throws {
        let bench = try Bench([
            "/metrics": Self.page(running: 4, waiting: 3), "/props": Self.props(slots: 4),
            "/slots": Self.slots(256, 256, 256, 256), "/v1/models": Self.models,
        ])
        var model = try #require(try bench.read().models.first)
        #expect(model.kvCacheUsage == nil && model.kvCacheTokens == nil && model.kvCacheSize == nil)
        #expect(model.requestsMax == 4 && model.requestsRunning == 4)
        bench["/metrics"] = Self.page(running: 0)
        #expect(try bench.read().models.first?.kvCacheUsage == nil)
        bench["/metrics"] = Self.page(running: 2)
        bench["/slots"] = Self.slots(1000, 900, 0, 0)
        model = try #require(try bench.read().models.first)
        #expect(model.kvCacheTokens == 1900 && model.kvCacheSize == 4096)
        bench["/slots"] = Self.slots(512, 512, 0, 0)
        #expect(try bench.read().models.first?.kvCacheUsage == 25)
        bench["/metrics"] = Self.page(running: 0)
        #expect(try bench.read().models.first?.kvCacheUsage == 0)
        // Another server may come after one that was down.
        bench["/metrics"] = .close
        #expect(try !bench.read().isUp)
        bench["/metrics"] = Self.page(running: 2)
        #expect(try bench.read().models.first?.kvCacheUsage == nil)
    }

    @Test("the recorded slots of the default start, and of two slots with parts of their own")
    func recorded() throws {
        var cache = LlamaCache()
        func read(_ name: String) throws -> ModelReading? {
            EngineDetail.llamaSlots.decode(try Fixture.bytes(name), &cache)
        }
        #expect(try read("llamacpp-b11669-slots-unified.json")?.kvCacheUsage == nil)
        cache = LlamaCache()
        #expect(try read("llamacpp-unified-full-slots.json")?.kvCacheUsage == nil)
        cache = LlamaCache()
        #expect(try read("llamacpp-b11669-slots-busy.json")?.kvCacheTokens == 462)
        cache = LlamaCache()
        #expect(try read("llamacpp-b9713-slots-busy.json")?.kvCacheUsage == Double(472 + 473) / 2048 * 100)
    }

    @Test("a version whose busy slots lack their tokens has no usage, not even when it is idle")
    func withoutTokens() throws {
        let bench = try Bench([
            "/metrics": Self.page(running: 1), "/props": Self.props(slots: 2), "/slots": Self.slots(nil, 0),
            "/v1/models": Self.models,
        ])
        #expect(try bench.read().models.first?.kvCacheUsage == nil)
        bench["/metrics"] = Self.page(running: 0)
        let model = try #require(try bench.read().models.first)
        #expect(model.kvCacheUsage == nil && model.requestsMax == 2)
    }

    @Test("a server that does not show its slots has no usage when it is idle, either")
    func withoutSlots() throws {
        let bench = try Bench([
            "/metrics": Self.page(running: 0), "/props": Self.props(slots: 2, more: #","endpoint_slots":false"#),
            "/v1/models": Self.models,
        ])
        #expect(try bench.read().models.first?.kvCacheUsage == nil)
        bench["/props"] = Self.props(slots: 2)
        bench.time.advance(by: .seconds(60))
        bench["/metrics"] = Self.page(running: 1)
        #expect(try bench.read().models.first?.requestsMax == 2)
        #expect(bench.log.lines(.warning).count == 1)
        bench["/metrics"] = Self.page(running: 0)
        #expect(try bench.read().models.first?.kvCacheUsage == nil)
    }

    @Test("a program in front of several servers is not asked for what it does not have")
    func exporter() throws {
        let bench = try Bench(["/metrics": .text(try Fixture.text("llama-swap-exporter.txt"))])
        #expect(try bench.read().models.map(\.model) == ["gemma", "qwen"])
        #expect(bench.server.requests.map(\.target) == ["/metrics"])
        #expect(bench.log.lines(.warning).isEmpty)
    }

    // MARK: - Router

    private static func listing(_ states: KeyValuePairs<String, String>) -> LoopbackAnswer {
        .json(
            #"{"data":["#
                + states.map { #"{"id":"\#($0.key)","status":{"value":"\#($0.value)"}}"# }.joined(separator: ",") + "]}"
        )
    }

    private static let needsModel = LoopbackAnswer.json(
        #"{"error":{"code":400,"message":"model name is missing from the request","type":"invalid_request_error"}}"#,
        status: 400
    )

    private static func counting(_ tokens: Int, running: Int = 0) -> LoopbackAnswer {
        .text("llamacpp:tokens_predicted_total \(tokens)\nllamacpp:requests_processing \(running)\n")
    }

    @Test("a router's loaded models are found and asked, each by its name; the others are left alone")
    func router() throws {
        let bench = try Bench([
            "/metrics": Self.needsModel,
            "/models": Self.listing([
                "acme/a:Q4": "loaded", "b": "unloaded", "c+d": "loaded", "e": "sleeping", "f": "loading",
            ]),
            "/metrics?model=acme/a:Q4&autoload=false": Self.counting(7, running: 1),
            "/slots?model=acme/a:Q4&autoload=false": Self.slots(512),
            "/props?model=acme/a:Q4&autoload=false": Self.props(slots: 1),
            "/metrics?model=c%2Bd&autoload=false": Self.counting(9),
            "/props?model=c%2Bd&autoload=false": Self.props(slots: 2),
        ])
        for _ in 0..<2 {
            let reading = try bench.read()
            #expect(reading.server.engine == "llama.cpp")
            #expect(reading.models.map(\.model) == ["acme/a:Q4", "c+d"])
            #expect(reading.models.map(\.outputTokens) == [7, 9])
            #expect(reading.models.map(\.kvCacheUsage) == [50, 0])
            #expect(reading.models.map(\.requestsMax) == [1, 2])
        }
        // A router is known after the first poll, and no request may load a model.
        #expect(bench.requests("/metrics") == 1)
        #expect(
            bench.server.requests.allSatisfy {
                ["/metrics", "/models"].contains($0.target) || $0.target.hasSuffix("&autoload=false")
            }
        )
        #expect(
            !bench.server.requests.contains {
                $0.target.contains("=b&") || $0.target.contains("=e&") || $0.target.contains("=f&")
            }
        )
        #expect(bench.log.lines(.warning).isEmpty)
        #expect(bench.log.lines(.info).count == 1)
    }

    @Test("a router without a loaded model is up")
    func emptyRouter() throws {
        for listing in [Self.listing([:]), Self.listing(["a": "unloaded"])] {
            let bench = try Bench(["/metrics": Self.needsModel, "/models": listing])
            let reading = try bench.read()
            #expect(reading.isUp && reading.models.isEmpty && reading.server.engine == "llama.cpp")
        }
    }

    @Test("what was loaded between two polls has counted since the earlier one")
    func loadedMeanwhile() throws {
        let bench = try Bench([
            "/metrics": Self.needsModel, "/models": Self.listing(["a": "loaded", "b": "unloaded"]),
            "/metrics?model=a&autoload=false": Self.counting(100), "/metrics?model=b&autoload=false": Self.counting(5),
        ])
        #expect(try bench.read().models.first?.startTime == nil)
        let first = Double(bench.time.unixNanoseconds) / 1e9
        bench.time.advance(by: .seconds(5))
        bench["/models"] = Self.listing(["a": "loaded", "b": "loaded"])
        for _ in 0..<2 {
            let models = try bench.read().models
            #expect(models.map(\.startTime) == [nil, Date(timeIntervalSince1970: first)])
            #expect(models.last?.replicas.map(\.startTime) == [Date(timeIntervalSince1970: first)])
            bench.time.advance(by: .seconds(5))
        }
        bench["/models"] = Self.listing(["a": "loaded", "b": "unloaded"])
        #expect(try bench.read().models.map(\.model) == ["a"])
        let last = Double(bench.time.unixNanoseconds) / 1e9
        bench["/models"] = Self.listing(["a": "loaded", "b": "loaded"])
        #expect(try bench.read().models.last?.startTime == Date(timeIntervalSince1970: last))
    }

    @Test("one model that does not answer costs its own figures; what all of them refuse is the server's problem")
    func routerProblems() throws {
        let bench = try Bench([
            "/metrics": Self.needsModel, "/models": Self.listing(["a": "loaded", "b": "loaded"]),
            "/metrics?model=a&autoload=false": Self.counting(100),
        ])
        let models = try bench.read().models
        #expect(models.map(\.model) == ["a", "b"])
        #expect(models.map(\.outputTokens) == [100, nil])
        bench["/metrics?model=a&autoload=false"] = .response(401)
        bench["/metrics?model=b&autoload=false"] = .response(401)
        #expect(try !bench.read().isUp)
        #expect(bench.log.lines(.warning).last?.contains("401") == true)
    }

    @Test("400 of a server that is no router is a failure, and one that names its model is not asked for others")
    func noRouter() throws {
        let bench = try Bench(["/metrics": .response(400), "/models": Self.models])
        #expect(try !bench.read().isUp)
        let named = try Bench(["/models": Self.listing(["a": "loaded"])], query: "?model=a")
        named["/metrics?model=a"] = .response(400)
        #expect(try !named.read().isUp)
        #expect(named.server.requests.map(\.target) == ["/metrics?model=a"])
    }

    // MARK: - Balancers

    @Test("counters that jump between two levels are those of a balancer: one warning says so")
    func balancer() throws {
        let bench = try Bench(["/v1/models": Self.models])
        for (first, second) in [(1000, 900), (1010, 910), (1020, 915), (1030, 920), (1040, 925)] {
            for tokens in [first, second] {
                bench["/metrics"] = Self.counting(tokens)
                _ = try bench.read()
            }
        }
        #expect(bench.log.lines(.warning).count { $0.contains("load balancer") } == 1)
    }

    @Test("restarts are no balancer")
    func restarts() {
        var levels = CounterLevels()
        var warnings = 0
        for _ in 0..<20 {
            for tokens in stride(from: 0, to: 1000, by: 100) {
                var model = ModelReading(model: nil)
                model.outputTokens = tokens
                if levels.areMixed([model]) { warnings += 1 }
            }
        }
        #expect(warnings == 0)
    }
}
