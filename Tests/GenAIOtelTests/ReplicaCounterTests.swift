import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("What the replicas of one model count")
struct ReplicaCounterTests {
    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector
    private let server = ServerIdentity(engine: "vllm", address: "gpu-1", port: 8000)

    init() {
        metrics = ServerMetricsCollector(cardinalityLimit: 10, log: Log(level: nil), timeSource: time)
    }

    private struct Replica {
        var name: String
        var tokens: Int?
        var start: Date?
        var bounds: [Double] = [1]

        init(_ name: String, _ tokens: Int?, start: Date? = nil, bounds: [Double] = [1]) {
            self.name = name
            self.tokens = tokens
            self.start = start
            self.bounds = bounds
        }

        var counters: ReplicaCounters {
            var figures = Figures()
            figures[int: .outputTokens] = tokens
            figures[histogram: .queueTime] = tokens.map {
                HistogramReading(bounds: bounds, bucketCounts: [UInt64($0)] + bounds.map { _ in 0 }, sum: Double($0))
            }
            return ReplicaCounters(name: name, startTime: start, figures: figures)
        }
    }

    private func record(_ replicas: Replica..., model: String = "m") { record(replicas, model: model) }

    private func record(_ replicas: [Replica], model: String = "m") {
        time.advance(by: .seconds(5))
        let counters = replicas.map(\.counters)
        var reading = ModelReading(
            model: model,
            figures: counters.map(\.figures).reduce(Figures()) { $0.merged(with: $1) }
        )
        reading.requestsRunning = 1
        reading.replicas = counters
        metrics.record(ServerReading(server: server, models: [reading]))
    }

    private func snapshot() -> MetricSnapshot { metrics.snapshot(time: time.unixNanoseconds) }

    private func tokens(_ snapshot: MetricSnapshot) -> [NumberPoint] {
        snapshot.metrics.first { $0.descriptor == .tokens }?.points ?? []
    }

    private var now: Date { Date(timeIntervalSince1970: Double(time.unixNanoseconds) / 1e9) }

    @Test("the restart of one replica is not that of their sum")
    func partialRestart() {
        var temporality = DeltaTemporality()
        record(Replica("a", 100), Replica("b", 50))
        let start = time.unixNanoseconds
        _ = temporality.next(snapshot())
        record(Replica("a", 5), Replica("b", 60))
        #expect(tokens(snapshot()).map(\.value) == [.int(15)])
        #expect(tokens(snapshot()).map(\.start) == [start])
        #expect(tokens(temporality.next(snapshot())).map(\.value) == [.int(15)])
    }

    @Test("when all replicas start anew, so does their sum")
    func fullRestart() {
        let start = now - 100
        record(Replica("a", 100, start: start), Replica("b", 50, start: start + 10))
        #expect(tokens(snapshot()).map(\.value) == [.int(150)])
        #expect(tokens(snapshot()).map(\.start) == [UInt64(start.timeIntervalSince1970 * 1e9)])
        let restart = now + 1
        record(Replica("a", 7, start: restart + 1), Replica("b", 90, start: restart))
        #expect(tokens(snapshot()).map(\.value) == [.int(97)])
        #expect(tokens(snapshot()).map(\.start) == [UInt64(restart.timeIntervalSince1970 * 1e9)])
    }

    @Test("a replica that is missing for a while goes on where it was")
    func missing() {
        record(Replica("a", 100), Replica("b", 50))
        record(Replica("a", 110))
        #expect(tokens(snapshot()).map(\.value) == [.int(10)])
        record(Replica("a", 110), Replica("b", 53))
        #expect(tokens(snapshot()).map(\.value) == [.int(13)])
    }

    @Test("a replica that joins is counted from its first reading, or in whole if it tells that it is new")
    func joining() {
        var temporality = DeltaTemporality()
        record(Replica("a", 100))
        _ = temporality.next(snapshot())
        record(Replica("a", 100), Replica("old", 1_000), Replica("older", 5_000, start: now - 1_000))
        #expect(tokens(temporality.next(snapshot())).isEmpty)
        record(Replica("a", 100), Replica("old", 1_001), Replica("new", 30, start: now + 1))
        #expect(tokens(temporality.next(snapshot())).map(\.value) == [.int(31)])
        #expect(tokens(snapshot()).map(\.value) == [.int(31)])
    }

    @Test("a counter that a known server did not have a moment ago has counted since")
    func appearing() {
        for model in ["m", "other"] {
            let metrics = ReplicaCounterTests()
            var temporality = DeltaTemporality()
            metrics.record(Replica("a", nil), model: "m")
            let before = metrics.time.unixNanoseconds
            _ = temporality.next(metrics.snapshot())
            metrics.record(Replica("a", 30), model: model)
            // That of a model that was not there may have been counted elsewhere.
            let expected: [NumberValue] = model == "m" ? [.int(30)] : []
            #expect(metrics.tokens(temporality.next(metrics.snapshot())).map(\.value) == expected)
            if model == "m" { #expect(metrics.tokens(metrics.snapshot()).map(\.start) == [before]) }
        }
    }

    @Test("a page that lacks a bucket once costs that reading, and nothing is counted twice")
    func missingBucket() {
        var temporality = DeltaTemporality()
        func count() -> UInt64 {
            for case .histogram(let points, _) in temporality.next(snapshot()).metrics.map(\.data) {
                return points.reduce(0) { $0 + $1.count }
            }
            return 0
        }
        let start = now - 100
        record(Replica("a", 100, start: start, bounds: [1, 2]))
        _ = count()
        record(Replica("a", 120, start: start, bounds: [2]))
        #expect(count() == 0)
        record(Replica("a", 125, start: start, bounds: [1, 2]))
        #expect(count() == 25)
    }

    @Test("replicas with ever new names do not fill the memory")
    func churn() throws {
        for number in 0..<2_000 { record(Replica("replica-\(number)", 10)) }
        let counter = try #require(
            Counter([Counter.Part(replica: "a", value: .int(1), start: nil)], now: 1, unseenSince: 0)
        )
        var churned = counter
        for number in 0..<2_000 {
            churned.update([Counter.Part(replica: "\(number)", value: .int(5), start: nil)], now: 2, unseenSince: 0)
        }
        #expect(churned.latest.count < 100)
        #expect(churned.value == .int(0))
    }

    @Test("a server that is busy has no gauges, no zeros, and counts on afterwards")
    func busy() {
        var temporality = DeltaTemporality()
        record(Replica("a", 100))
        _ = temporality.next(snapshot())
        metrics.record(.busy(server))
        let busy = snapshot()
        let up = busy.metrics.first { $0.descriptor == .up }
        #expect(up?.points.map(\.value) == [.int(1)])
        #expect(tokens(busy).isEmpty)
        let gauges = busy.metrics.filter { $0.descriptor == .requestsRunning }.flatMap(\.points)
        #expect(gauges.allSatisfy { $0.attributes.isEmpty }, "only the application's own")
        _ = temporality.next(busy)
        record(Replica("a", 130))
        #expect(tokens(temporality.next(snapshot())).map(\.value) == [.int(30)])
    }

    @Test(
        "the sum of all deltas that arrive is what the replicas counted, whatever happens to each of them",
        arguments: 1...40
    )
    func exactDeltas(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var temporality = DeltaTemporality()
        let tellsStarts = seed.isMultiple(of: 2)
        var replicas = (0..<3).map { Replica("\($0)", Int.random(in: 0...1_000, using: &generator)) }
        if tellsStarts { for index in replicas.indices { replicas[index].start = now - 100 } }
        var expected = 0
        var arrived = 0
        var cumulative: (start: UInt64, value: Int)?
        var rises = 0
        func export(arrives: Bool) {
            time.advance(by: .seconds(1))
            let snapshot = snapshot()
            for point in tokens(snapshot) {
                guard case .int(let value) = point.value else { continue }
                if let last = cumulative {
                    rises += point.start == last.start ? value - last.value : value
                    #expect(point.start > last.start || value >= last.value)
                }
                cumulative = (point.start, value)
            }
            let delta = temporality.next(snapshot)
            guard arrives else { return temporality.takeBack(time: delta.time) }
            for case .int(let number) in tokens(delta).map(\.value) {
                arrived += number
                #expect(number > 0)
            }
        }
        record(replicas)
        export(arrives: true)
        for _ in 0..<200 {
            let index = Int.random(in: 0..<3, using: &generator)
            switch Int.random(in: 0..<9, using: &generator) {
            case 0: metrics.record(Bool.random(using: &generator) ? .down(server) : .busy(server))
            case 1:
                // A restart: of one replica, or of all.
                for index in Bool.random(using: &generator) ? 0..<3 : index..<(index + 1) {
                    guard let tokens = replicas[index].tokens, tokens > 0 else { continue }
                    // One that tells its start may have counted more than before.
                    let new = Int.random(in: 0..<(tellsStarts ? 2 * tokens : tokens), using: &generator)
                    replicas[index].tokens = new
                    if tellsStarts { replicas[index].start = now + 2 }
                    expected += new
                }
                record(replicas)
            case 2, 3: export(arrives: Bool.random(using: &generator))
            case 4: record(replicas.enumerated().filter { $0.offset != index }.map(\.element))
            default:
                let more = Int.random(in: 0...50, using: &generator)
                replicas[index].tokens = (replicas[index].tokens ?? 0) + more
                expected += more
                record(replicas)
            }
        }
        record(replicas)
        export(arrives: true)
        #expect(arrived == expected)
        #expect(rises <= expected, "two restarts between two looks show one")
    }
}
