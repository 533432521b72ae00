import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("What polled servers count")
struct ServerCounterTests {
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector
    private let server = ServerIdentity(engine: "vllm", address: "gpu-1", port: 8000, attributes: ["zone": "a"])

    init() {
        metrics = ServerMetricsCollector(cardinalityLimit: 2, log: Log(level: nil), timeSource: time)
    }

    private func record(_ tokens: Int?, start: Date? = nil, histogram: HistogramReading? = nil, model: String = "m") {
        time.advance(by: .seconds(5))
        var reading = ModelReading(model: model, requestsRunning: 1)
        reading.startTime = start
        reading.outputTokens = tokens
        reading.timeToFirstToken = histogram
        metrics.record(ServerReading(server: server, models: [reading]))
    }

    private func snapshot() -> MetricSnapshot { metrics.snapshot(time: time.unixNanoseconds) }

    private var tokens: [NumberPoint] {
        snapshot().metrics.first { $0.descriptor == .tokens }?.points ?? []
    }

    private func attributes(_ more: [Attribute]) -> [Attribute] {
        [
            Attribute("gen_ai.provider.name", .string("vllm")), Attribute("server.address", .string("gpu-1")),
            Attribute("server.port", .int(8000)), Attribute("zone", .string("a")),
        ] + more
    }

    @Test("a server that does not tell its start is counted from the first reading; a value that falls is a restart")
    func unknownStart() {
        record(100)
        let first = time.unixNanoseconds
        #expect(tokens.map(\.value) == [.int(0)])
        #expect(tokens.map(\.start) == [first])
        record(150)
        #expect(tokens.map(\.value) == [.int(50)])
        #expect(tokens.map(\.start) == [first])
        record(10)
        #expect(tokens.map(\.value) == [.int(10)], "all of it since the restart")
        #expect(tokens.map(\.start) == [time.unixNanoseconds])
        record(12)
        #expect(tokens.map(\.value) == [.int(12)])
    }

    @Test("a server that tells its start is counted from it; another start is a restart, a jitter is none")
    func knownStart() {
        let start = Date(timeIntervalSince1970: Double(time.unixNanoseconds) / 1e9 - 1_000)
        record(100, start: start)
        let nanoseconds = tokens.first?.start
        #expect(tokens.map(\.value) == [.int(100)])
        #expect(nanoseconds == UInt64(start.timeIntervalSince1970 * 1e9))
        record(150, start: start + 0.4)
        #expect(tokens.map(\.value) == [.int(150)])
        #expect(tokens.first?.start == nanoseconds)
        record(160, start: start + 500)
        #expect(tokens.map(\.value) == [.int(160)])
        #expect(tokens.first?.start != nanoseconds)
        for value in [170, 180, 190] {
            record(value, start: .distantFuture)
            #expect((tokens.first?.start ?? .max) <= time.unixNanoseconds)
            #expect(tokens.map(\.value) == [.int(value)])
        }
        record(200, start: .distantPast)
        #expect(tokens.map(\.value) == [.int(200)], "an earlier start is no restart")
    }

    @Test("figures of one metric are told apart by their attribute, and carry the names of the conventions")
    func attributes() {
        var reading = ModelReading(model: "m")
        reading.startTime = Date(timeIntervalSince1970: 1)
        reading.inputTokens = 7
        reading.outputTokens = 3
        reading.preemptions = 2
        metrics.record(ServerReading(server: server, models: [reading]))
        let model = Attribute("gen_ai.request.model", .string("m"))
        func point(_ more: [Attribute], _ value: Int) -> NumberPoint {
            // It began before this process: no delta of this one holds it.
            NumberPoint(attributes([model] + more), .int(value), start: 1_000_000_000, accumulated: .int(0))
        }
        #expect(
            tokens == [
                point([Attribute("gen_ai.token.type", .string("input"))], 7),
                point([Attribute("gen_ai.token.type", .string("output"))], 3),
            ]
        )
        let preemptions = snapshot().metrics.first { $0.descriptor == .preemptions }
        #expect(preemptions?.data == .sum([point([], 2)], .cumulative))
    }

    @Test("no label stands twice, however attributes are named")
    func labels() {
        let server = ServerIdentity(
            engine: "vllm",
            address: "h",
            port: 1,
            attributes: [
                "server_address": "x", "k8s.pod": "a", "k8s_pod": "b", "le": "1", "engine": "mine", "": "y", "e": "",
            ]
        )
        metrics.record(ServerReading(server: server))
        let text = PrometheusTextEncoder(resource: Resource([:])).encode(snapshot())
        #expect(text.contains(#"gen_ai_server_up{engine="vllm",server_address="h",server_port="1",k8s_pod="a"} 1"#))
    }

    @Test("an own attribute of the name `model` gives way where the server names its model")
    func ownModel() {
        let server = ServerIdentity(engine: "llama.cpp", address: "h", port: 1, attributes: ["model": "asked"])
        metrics.record(ServerReading(server: server, models: [ModelReading(model: "told", requestsRunning: 1)]))
        let points = snapshot().metrics.flatMap(\.points).filter { !$0.attributes.isEmpty }
        for point in points { #expect(Set(point.attributes.map(\.key)).count == point.attributes.count) }
        #expect(points.contains { $0.attributes.contains(Attribute("model", .string("told"))) })
        #expect(points.contains { $0.attributes.contains(Attribute("model", .string("asked"))) }, "up")
    }

    @Test("histograms keep the server's bounds and count from the first reading; other bounds are a restart")
    func histograms() throws {
        record(nil, histogram: HistogramReading(bounds: [0.1, 1], bucketCounts: [5, 2, 1], sum: 4))
        record(nil, histogram: HistogramReading(bounds: [0.1, 1], bucketCounts: [6, 2, 3], sum: 10))
        func point() throws -> HistogramPoint {
            let metric = try #require(snapshot().metrics.first { $0.descriptor == .timeToFirstToken })
            guard case .histogram(let points, .cumulative) = metric.data else { throw Missing() }
            return try #require(points.first)
        }
        let first = try point()
        #expect(first.bounds == [0.1, 1])
        #expect(Array(first.bucketCounts) == [1, 0, 2])
        #expect(first.count == 3)
        #expect(first.sum == 6)
        record(nil, histogram: HistogramReading(bounds: [0.5], bucketCounts: [7, 3], sum: 11))
        #expect(Array(try point().bucketCounts) == [7, 3])
        #expect(try point().start > first.start)
    }

    private struct Missing: Error {}

    @Test(
        "a histogram whose parts do not fit together is left out, and nothing else is",
        arguments: [
            HistogramReading(bounds: [1, 1], bucketCounts: [1, 1, 1], sum: 1),
            HistogramReading(bounds: [1], bucketCounts: [1], sum: 1),
            HistogramReading(bounds: [.nan], bucketCounts: [1, 1], sum: 1),
            HistogramReading(bounds: [-1, 1], bucketCounts: [0, 1, 1], sum: 1),
            HistogramReading(bounds: [1], bucketCounts: [1, 1], sum: .infinity),
        ]
    )
    func invalid(histogram: HistogramReading) {
        record(5, histogram: histogram)
        #expect(!snapshot().metrics.contains { $0.descriptor == .timeToFirstToken })
        #expect(tokens.count == 1)
    }

    @Test("replicas of one model are added up, bucket by bucket where the bounds agree")
    func replicas() {
        func reading(_ tokens: Int, _ bounds: [Double]) -> ModelReading {
            var reading = ModelReading(model: "m")
            reading.startTime = Date(timeIntervalSince1970: 1)
            reading.outputTokens = tokens
            reading.timeToFirstToken = HistogramReading(bounds: [1], bucketCounts: [UInt64(tokens), 1], sum: 2)
            reading.queueTime = HistogramReading(bounds: bounds, bucketCounts: [1, 1], sum: 2)
            return reading
        }
        metrics.record(
            ServerReading(server: server, models: [reading(3, [1]), reading(4, [2]), reading(5, [1])])
        )
        #expect(tokens.map(\.value) == [.int(12)])
        let histograms = snapshot().metrics.compactMap { metric -> [HistogramPoint]? in
            if case .histogram(let points, _) = metric.data { points } else { nil }
        }
        #expect(histograms.flatMap { $0 }.map { Array($0.bucketCounts) } == [[12, 3]])
    }

    @Test("beyond the limit, gauges share a point and counters are left out")
    func overflow() {
        let models = (0..<4).map { number in
            var reading = ModelReading(model: "m\(number)", requestsRunning: 1)
            reading.outputTokens = 5
            return reading
        }
        metrics.record(ServerReading(server: server, models: models))
        #expect(tokens.count == 2)
        #expect(!tokens.contains { $0.attributes.contains(.overflow) })
    }

    private func deltas(_ temporality: inout DeltaTemporality) -> [NumberValue] {
        time.advance(by: .seconds(1))
        return temporality.next(snapshot()).metrics.first { $0.descriptor == .tokens }?.points.map(\.value) ?? []
    }

    @Test("a model that is not listed for a while, also beside an outage, is not exported twice")
    func flicker() {
        var temporality = DeltaTemporality()
        let start = Date(timeIntervalSince1970: Double(time.unixNanoseconds) / 1e9 + 1)
        record(1_000, start: start)
        #expect(deltas(&temporality) == [.int(1_000)], "all of it was counted since this process began")
        metrics.record(.down(server))
        #expect(deltas(&temporality) == [])
        metrics.record(ServerReading(server: server))
        #expect(deltas(&temporality) == [])
        record(1_010, start: start)
        #expect(deltas(&temporality) == [.int(10)])
        metrics.record(ServerReading(server: server))
        time.advance(by: .seconds(400))
        metrics.record(ServerReading(server: server))
        #expect(deltas(&temporality) == [], "it is forgotten by now")
        record(1_020, start: start)
        #expect(deltas(&temporality) == [], "what was counted meanwhile is unknown, and nothing is told twice")
        record(1_025, start: start)
        #expect(deltas(&temporality) == [.int(5)])
        metrics.withdraw(server)
        #expect(deltas(&temporality) == [])
        record(1_030, start: start)
        #expect(deltas(&temporality) == [], "likewise after a withdrawal")
    }

    @Test("a start that is told later, drifts or is ahead is no restart", arguments: [0.0, 3_600])
    func toldStarts(ahead: Double) {
        var temporality = DeltaTemporality()
        let start = Date(timeIntervalSince1970: Double(time.unixNanoseconds) / 1e9 + ahead)
        record(1_000_000)
        #expect(deltas(&temporality) == [])
        var value = 1_000_000
        for step in 0..<20 {
            value += 7
            record(value, start: start + 0.4 * Double(step))
            #expect(deltas(&temporality) == [.int(7)])
        }
        record(3, start: nil)
        #expect(deltas(&temporality) == [.int(3)])
        record(5, start: start + 900)
        #expect(deltas(&temporality) == [.int(2)], "the restart was seen before it was told")
    }

    @Test("sums of any size stay finite, in sums of replicas and over restarts")
    func largeSums() throws {
        let large = HistogramReading(bounds: [1], bucketCounts: [1, 1], sum: .greatestFiniteMagnitude)
        for bucket: UInt64 in [5, 1] {
            let reading = HistogramReading(bounds: [1], bucketCounts: [bucket, 1], sum: .greatestFiniteMagnitude)
            var models = [ModelReading(model: "m"), ModelReading(model: "m")]
            for position in models.indices {
                models[position].startTime = Date(timeIntervalSince1970: 1)
                models[position].timeToFirstToken = position == 0 ? large : reading
            }
            metrics.record(ServerReading(server: server, models: models))
        }
        var temporality = DeltaTemporality()
        for snapshot in [snapshot(), temporality.next(snapshot())] {
            for case .histogram(let points, _) in snapshot.metrics.map(\.data) {
                #expect(points.allSatisfy { $0.sum.isFinite })
            }
            #expect(!OTLPJSONEncoder(resource: Resource([:])).encode(snapshot).isEmpty)
        }
    }

    @Test("a server that is down counts on when it is back, and reports nothing meanwhile")
    func outage() {
        record(100)
        record(130)
        metrics.record(.down(server))
        #expect(tokens.isEmpty)
        record(150)
        #expect(tokens.map(\.value) == [.int(50)])
        metrics.withdraw(server)
        record(160)
        #expect(tokens.map(\.value) == [.int(0)], "what was withdrawn begins anew")
    }

    @Test(
        "the sum of all deltas that arrive is what the server counted, over restarts, outages and exports that are refused",
        arguments: 1...40
    )
    func exactDeltas(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var temporality = DeltaTemporality()
        var raw = Int.random(in: 0...1_000, using: &generator)
        var expected = 0
        var arrived = 0
        var arrivedInHistogram: UInt64 = 0
        func recordNow() {
            record(raw, histogram: HistogramReading(bounds: [1], bucketCounts: [UInt64(raw), 0], sum: Double(raw)))
        }
        func export(arrives: Bool) {
            time.advance(by: .seconds(1))
            let delta = temporality.next(snapshot())
            guard arrives else { return temporality.takeBack(time: delta.time) }
            for metric in delta.metrics {
                switch metric.data {
                case .sum(let points, .delta) where metric.descriptor == .tokens:
                    for case .int(let number) in points.map(\.value) { arrived += number }
                    #expect(points.allSatisfy { $0.start < delta.time })
                case .histogram(let points, .delta): arrivedInHistogram += points.reduce(0) { $0 + $1.count }
                default: break
                }
            }
        }
        recordNow()
        for _ in 0..<200 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0:
                metrics.record(.down(server))
            case 1:
                // A restart that shows: less than before.
                guard raw > 1 else { continue }
                raw = Int.random(in: 0..<raw, using: &generator)
                expected += raw
                recordNow()
            case 2, 3:
                export(arrives: Bool.random(using: &generator))
            default:
                let more = Int.random(in: 0...50, using: &generator)
                raw += more
                expected += more
                recordNow()
            }
        }
        recordNow()
        export(arrives: true)
        #expect(arrived == expected)
        #expect(arrivedInHistogram == UInt64(expected))
    }

    @Test("what a server counted before this process began is no delta, and in full what it counts after a restart")
    func olderThanThisProcess() {
        var temporality = DeltaTemporality()
        let start = Date(timeIntervalSince1970: Double(metrics.startTime) / 1e9 - 3_600)
        record(1_000, start: start)
        #expect(!temporality.next(snapshot()).metrics.contains { $0.descriptor == .tokens })
        record(1_010, start: start)
        #expect(
            temporality.next(snapshot()).metrics.first { $0.descriptor == .tokens }?.points.map(\.value) == [.int(10)]
        )
        record(1_500, start: start + 3_602)
        let delta = temporality.next(snapshot()).metrics.first { $0.descriptor == .tokens }
        #expect(delta?.points.map(\.value) == [.int(1_500)])
    }

    @Test("forwarded counters and histograms stand in the Prometheus text")
    func prometheusText() {
        record(5)
        record(9, histogram: HistogramReading(bounds: [0.1], bucketCounts: [0, 0], sum: 0))
        record(12, histogram: HistogramReading(bounds: [0.1], bucketCounts: [2, 1], sum: 1.5))
        let text = PrometheusTextEncoder(resource: Resource([:])).encode(snapshot())
        let labels =
            #"gen_ai_provider_name="vllm",server_address="gpu-1",server_port="8000",zone="a",gen_ai_request_model="m""#
        #expect(text.contains("gen_ai_server_tokens_total{\(labels),gen_ai_token_type=\"output\"} 7\n"))
        #expect(text.contains("gen_ai_server_time_to_first_token_seconds_bucket{\(labels),le=\"0.1\"} 2\n"))
        #expect(text.contains("gen_ai_server_time_to_first_token_seconds_bucket{\(labels),le=\"+Inf\"} 3\n"))
        #expect(text.contains("gen_ai_server_time_to_first_token_seconds_sum{\(labels)} 1.5\n"))
    }
}
