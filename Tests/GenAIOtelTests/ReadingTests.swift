import GenAIOtel
import GenAISupport
import TestSupport
import Testing

@Suite("ServerMetricsCollector: readings of polled servers")
struct ReadingTests {
    private let recorder = LogRecorder()
    private let time = ManualTimeSource()
    private let server = ServerIdentity(engine: "vllm", address: "gpu-1", port: 8000)

    private func collector(limit: Int = 2000) -> ServerMetricsCollector {
        ServerMetricsCollector(cardinalityLimit: limit, log: recorder.log(), timeSource: time)
    }

    private var attributes: [Attribute] {
        [
            Attribute("engine", .string("vllm")), Attribute("server.address", .string("gpu-1")),
            Attribute("server.port", .int(8000)),
        ]
    }

    private func attributes(model: String) -> [Attribute] {
        attributes + [Attribute("model", .string(model))]
    }

    @Test("the application's values and a polled server's are separate points")
    func separate() {
        let metrics = collector()
        metrics.setRequestsWaiting(1)
        metrics.setKVCacheUsage(model: "m", percent: 10)
        let figures = ModelReading(model: "m", kvCacheUsage: 20, requestsWaiting: 7, requestsMax: 8)
        metrics.record(ServerReading(server: server, models: [figures]))
        #expect(
            points(.requestsWaiting, of: metrics) == [
                NumberPoint([], .int(1)), NumberPoint(attributes(model: "m"), .int(7)),
            ]
        )
        #expect(
            points(.kvCacheUsage, of: metrics) == [
                NumberPoint([Attribute("model", .string("m"))], .double(10)),
                NumberPoint(attributes(model: "m"), .double(20)),
            ]
        )
        #expect(points(.requestsMax, of: metrics) == [NumberPoint(attributes(model: "m"), .int(8))])
        #expect(points(.up, of: metrics) == [NumberPoint(attributes, .int(1))])
        #expect(metrics.kvCacheUsage == ["m": 10], "what the application set is its own")
    }

    @Test("what a server does not report gives no point")
    func absent() {
        let metrics = collector()
        metrics.record(ServerReading(server: server, models: [ModelReading(model: nil, requestsRunning: 3)]))
        #expect(points(.requestsRunning, of: metrics).contains(NumberPoint(attributes, .int(3))))
        #expect(points(.requestsWaiting, of: metrics) == [NumberPoint([], .int(0))])
        #expect(points(.kvCacheUsage, of: metrics).isEmpty)
        #expect(points(.modelsLoaded, of: metrics).isEmpty)
        #expect(points(.modelVRAM, of: metrics).isEmpty)
    }

    @Test("models {a: 10, b: 20}, then {b: 150}: b is 100, a is not loaded and reports 0 for five minutes")
    func departure() {
        let metrics = collector()
        metrics.record(
            ServerReading(
                server: server,
                modelsLoaded: 2,
                models: [
                    ModelReading(model: "a", kvCacheUsage: 10, vram: 5, requestsMax: 4),
                    ModelReading(model: "b", kvCacheUsage: 20),
                ]
            )
        )
        let after = ServerReading(
            server: server,
            modelsLoaded: 1,
            models: [ModelReading(model: "b", kvCacheUsage: 150)]
        )
        metrics.record(after)
        #expect(metrics.readings.first?.models == [ModelReading(model: "b", kvCacheUsage: 100)])
        #expect(points(.modelsLoaded, of: metrics) == [NumberPoint(attributes, .int(1))])
        let gone = NumberPoint(attributes(model: "a"), .double(0))
        let stays = NumberPoint(attributes(model: "b"), .double(100))
        #expect(points(.kvCacheUsage, of: metrics) == [stays, gone])
        #expect(points(.modelVRAM, of: metrics) == [NumberPoint(attributes(model: "a"), .int(0))])
        #expect(points(.requestsMax, of: metrics).isEmpty)

        time.advance(by: .seconds(299))
        metrics.record(after)
        #expect(points(.kvCacheUsage, of: metrics) == [stays, gone])
        time.advance(by: .seconds(1))
        #expect(points(.kvCacheUsage, of: metrics) == [stays])
    }

    @Test("a model that comes back reports its value again")
    func comingBack() {
        let metrics = collector()
        for usage in [10.0, nil, 30] {
            let models = usage.map { [ModelReading(model: "a", kvCacheUsage: $0)] } ?? []
            metrics.record(ServerReading(server: server, models: models))
        }
        #expect(points(.kvCacheUsage, of: metrics) == [NumberPoint(attributes(model: "a"), .double(30))])
    }

    @Test("a server that can't be reached reports up 0 and nothing else")
    func down() {
        let metrics = collector()
        let models = [ModelReading(model: "a", kvCacheUsage: 10), ModelReading(model: "b", kvCacheUsage: 10)]
        metrics.record(ServerReading(server: server, modelsLoaded: 2, models: models))
        metrics.record(ServerReading(server: server, modelsLoaded: 1, models: Array(models.prefix(1))))
        metrics.record(ServerReading(server: server, isUp: false, modelsLoaded: 2, models: models))
        #expect(points(.up, of: metrics) == [NumberPoint(attributes, .int(0))])
        #expect(metrics.snapshot(time: 1).pointCount == 3, "running, waiting and up")
    }

    @Test("a server whose engine was unknown at first does not stay as a second one")
    func recognised() {
        let metrics = collector()
        metrics.record(.down(ServerIdentity(engine: nil, address: "gpu-1", port: 8000)))
        metrics.record(.down(ServerIdentity(engine: nil, address: "gpu-1", port: 8001)))
        metrics.record(ServerReading(server: server))
        #expect(metrics.readings.map(\.isUp) == [true, false])
        #expect(points(.up, of: metrics).first == NumberPoint(attributes, .int(1)))
    }

    @Test("figures out of range are mended, the same model twice is one entry, names are cut")
    func hostile() throws {
        let metrics = collector()
        let long = String(repeating: "n", count: 100_000)
        metrics.record(
            ServerReading(
                server: ServerIdentity(engine: long, address: long, port: -1),
                modelsLoaded: -5,
                models: [
                    ModelReading(model: long + "1", kvCacheUsage: .nan, vram: -1, requestsRunning: .max),
                    ModelReading(model: long + "2", kvCacheUsage: -3, requestsRunning: .max, requestsWaiting: .min),
                    ModelReading(model: "", requestsRunning: 1),
                    ModelReading(model: nil, requestsRunning: 2),
                ]
            )
        )
        let reading = try #require(metrics.readings.first)
        let name = String(long.prefix(256))
        #expect(reading.server == ServerIdentity(engine: name, address: name, port: -1))
        #expect(reading.modelsLoaded == 0)
        #expect(
            reading.models == [
                ModelReading(model: name, kvCacheUsage: 0, vram: 0, requestsRunning: .max, requestsWaiting: 0),
                ModelReading(model: nil, requestsRunning: 3),
            ]
        )
    }

    @Test("models beyond the limit share one point per server, servers beyond it are left out, with one warning")
    func overflow() {
        let metrics = collector(limit: 2)
        let models = (0..<5).map { ModelReading(model: "m\($0)", kvCacheUsage: Double($0), requestsRunning: 1) }
        metrics.record(ServerReading(server: server, models: models))
        let rest = attributes + [Attribute("otel.metric.overflow", .bool(true))]
        #expect(points(.kvCacheUsage, of: metrics).count == 3)
        #expect(points(.kvCacheUsage, of: metrics).last == NumberPoint(rest, .double(4)))
        #expect(points(.requestsRunning, of: metrics).last == NumberPoint(rest, .int(3)))
        for port in 1...5 { metrics.record(.down(ServerIdentity(engine: "x", address: "h", port: port))) }
        #expect(metrics.readings.count == 2)
        #expect(recorder.lines(.warning).count == 1)
    }

    @Test("why a server is down is kept, without what could move a cursor")
    func problem() {
        let metrics = collector()
        metrics.record(.down(ServerIdentity(engine: "x", address: "h", port: 1), because: "no\u{1B}[2J"))
        #expect(metrics.readings.map(\.problem) == [#"no\u{1B}[2J"#])
    }
}
