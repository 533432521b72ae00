// Damaged pages by the thousand: whatever a server sends, no crash, and nothing out of range is read or exported.

import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller
@testable import GenAIOtel

// One case after another on a thread of their own, so that other tests do not wait for processors.
@Suite("Random damage, the same in every run", .blocking, .serialized)
struct MutationTests {
    /// Of every page and answer below. `TEST_MUTATIONS` asks for more: 3000 make more than a hundred thousand in all.
    private static let mutations =
        ProcessInfo.processInfo.environment["TEST_MUTATIONS"].flatMap { Int($0) } ?? 300
    private static let pages = [
        "vllm-0.32.0-busy.txt", "vllm-0.32.0-two-replicas-fresh.txt", "vllm-0.32.0-dp2-last.txt",
        "vllm-0.32.0-preempt-last.txt", "vllm-0.32.0-under-ray-busy.txt", "vllm-0.8.5-busy.txt", "vllm-underscore.txt",
        "made-vllm-two-replicas-busy.txt", "made-vllm-both-kv-names.txt", "made-vllm-federated.txt",
        "ray-vllm-colon.txt", "ray-vllm-underscore.txt", "production-stack-router.txt", "llama-swap-exporter.txt",
        "made-aphrodite-busy.txt", "sglang-0.5.23-busy.txt", "sglang-0.5.23-dp2-busy.txt", "sglang-0.5.23-fresh.txt",
        "sglang-pd-decode.txt", "made-sglang-busy.txt", "ray-sglang-underscore.txt", "made-tgi-busy.txt",
        "llamacpp-b11549-busy.txt", "llamacpp-b11669-busy.txt", "llamacpp-b9713-busy.txt",
        "made-tensorrt-llm-busy.txt", "tensorrt-llm-without-prefix.txt", "made-triton-busy.txt",
        "made-lmdeploy-busy.txt", "made-nim-busy.txt", "made-dynamo-busy.txt",
    ]
    private static let answers: [(detail: EngineDetail, fixture: String)] = [
        (.llamaSlots, "llamacpp-b11549-slots-idle.json"), (.llamaSlots, "llamacpp-b11549-slots-busy.json"),
        (.llamaModels, "llamacpp-b11549-models.json"), (.tgiInfo, "made-tgi-info.json"),
    ]

    @Test("damaged pages, one after another from one server", arguments: pages)
    func damagedPage(fixture: String) throws {
        let excerpts = Self.excerpts(try Fixture.bytes(fixture))
        try #require(!excerpts.isEmpty)
        var mutator = Mutator(seed: Self.seed(fixture), tokens: Self.tokens)
        for excerpt in excerpts {
            var export = CheckedExport()
            for number in 0..<Self.mutations / excerpts.count {
                // What follows damage is as telling as damage: some pages are whole.
                let page = number % 20 == 0 ? excerpt : mutator.mutate(excerpt)
                let models = EnginePage(page)?.models ?? []
                let problem = models.lazy.compactMap(Self.problem).first ?? export.problem(after: models)
                if let problem {
                    Issue.record(
                        "\(problem) in \(models) from \(String(decoding: page, as: UTF8.self).debugDescription)"
                    )
                    return
                }
            }
        }
    }

    @Test("damaged answers of the extra requests", arguments: answers)
    func damagedAnswer(detail: EngineDetail, fixture: String) throws {
        let answer = Array(try Fixture.bytes(fixture).prefix(200))
        var mutator = Mutator(seed: Self.seed(fixture), tokens: Self.tokens)
        for _ in 0..<Self.mutations {
            let damaged = mutator.mutate(answer)
            var model = ModelReading(model: nil)
            var cache = LlamaCache()
            if let detail = detail.decode(damaged, &cache) { model.complete(with: detail) }
            if let problem = Self.problem(model) {
                Issue.record("\(problem) from \(String(decoding: damaged, as: UTF8.self).debugDescription)")
                return
            }
        }
    }

    private static let tokens = [
        "nan", "-nan(ind)", "+Inf", "-1", "1e999", "-1e308", "1e308", "99999999999999999999", "0x7f", "{", "}", "\"",
        "\\", "\\\"", "\n", "\r\n", ",", "=", "#", " # {a=\"b\"} ", " ", "\u{0}", "\u{2028}", "é", "1700000000000",
        "vllm:", "null", "[", "le=\"0.5\"", "le=\"+Inf\"", "_bucket", "_count", "7", "0",
    ]

    private static func seed(_ text: String) -> UInt64 {
        text.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
    }

    /// What is wrong with a reading's figures.
    private static func problem(_ model: ModelReading) -> String? {
        (model.figures.elements + model.replicas.flatMap(\.figures.elements)).lazy.compactMap { element in
            let isSound: Bool =
                switch (element.value, element.figure.row.kind) {
                case (.int(let number), .count), (.int(let number), .sum): number >= 0
                case (.double(let number), .percentage): (0...100).contains(number)
                case (.histogram(let histogram), .histogram):
                    isSound(histogram.bounds, histogram.bucketCounts[...], histogram.count, histogram.sum)
                default: false
                }
            return isSound ? nil : "\(element)"
        }.first
    }

    fileprivate static func isSound(
        _ bounds: [Double],
        _ buckets: ArraySlice<UInt64>,
        _ count: UInt64,
        _ sum: Double
    ) -> Bool {
        bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
            && buckets.count == bounds.count + 1
            && buckets.reduce((UInt64(0), false)) { $0.0.addingReportingOverflow($1) } == (count, false)
            && sum.isFinite && sum >= 0
    }
}

// MARK: - Excerpts

extension MutationTests {
    /// The lines with the engines' figures, in parts: damage in a page of 50 kB would mostly hit nothing, and a histogram of
    /// twenty buckets is not damaged in other ways than one of three.
    private static func excerpts(_ page: [UInt8]) -> [[UInt8]] {
        let wanted = EnginePage.names
        var families: [(name: [UInt8], lines: [[UInt8]])] = []
        var lineCounts: [[UInt8]: Int] = [:]
        for line in page.split(separator: .lineFeed).map(Array.init) {
            let name = line.prefix { $0 != .leftBrace && $0 != .space }
            let isWanted = Array(name).withUnsafeBufferPointer { wanted.match($0[...]).metric != nil }
            guard isWanted else { continue }
            let isLastBucket = String(decoding: line, as: UTF8.self).contains("+Inf")
            lineCounts[Array(name), default: 0] += 1
            guard isLastBucket || lineCounts[Array(name), default: 0] <= 2 else { continue }
            let family = Self.family(Array(name))
            if families.last?.name != family { families.append((family, [])) }
            families[families.count - 1].lines.append(line)
        }
        var result: [[UInt8]] = []
        let start =
            families.first { $0.name.starts(with: "process_start".utf8) }?.lines.first.map { $0 + [.lineFeed] } ?? []
        for lines in families.map({ $0.lines.flatMap { $0 + [.lineFeed] } }) {
            if let last = result.last, last.count + lines.count < 300 {
                result[result.count - 1] += lines
            } else {
                result.append(start + lines)
            }
        }
        return result.filter { EnginePage($0)?.models.isEmpty == false }
    }

    /// The name without what tells the part of a histogram.
    private static func family(_ name: [UInt8]) -> [UInt8] {
        let suffix = ["_bucket", "_sum", "_count", "_created"].first {
            name.reversed().starts(with: $0.utf8.reversed())
        }
        return name.dropLast(suffix?.utf8.count ?? 0)
    }
}

// MARK: - Export

/// What one server's readings become, in both temporalities, looked at after every third of them.
private struct CheckedExport {
    private struct Series: Hashable {
        var metric: MetricDescriptor
        var attributes: [Attribute]
    }

    private let time = ManualTimeSource()
    private let metrics: ServerMetricsCollector
    private let server = ServerIdentity(engine: "vllm", address: "gpu-1", port: 8000)
    private var delta = DeltaTemporality()
    private var readings = 0
    private var numbers: [Series: NumberPoint] = [:]
    private var histograms: [Series: HistogramPoint] = [:]

    init() {
        // Few, so that damaged names of models reach it.
        metrics = ServerMetricsCollector(cardinalityLimit: 8, log: Log(level: nil), timeSource: time)
    }

    /// What is wrong once the server has told this.
    mutating func problem(after models: [ModelReading]) -> String? {
        time.advance(by: .seconds(5))
        metrics.record(ServerReading(server: server, models: models))
        readings += 1
        // Between two exports there are several readings.
        guard readings % 3 == 0 else { return nil }
        let snapshot = metrics.snapshot(time: time.unixNanoseconds)
        for metric in snapshot.metrics + delta.next(snapshot).metrics {
            if let problem = problem(metric, snapshot.time) { return "\(metric.descriptor.name): \(problem)" }
        }
        return nil
    }

    private mutating func problem(_ metric: Metric, _ time: UInt64) -> String? {
        switch metric.data {
        case .gauge(let points):
            let problem = points.first { point in
                switch point.value {
                case .int(let number): number < 0
                case .double(let number): !(0...100).contains(number)
                }
            }
            return problem.map { "\($0)" }
        case .sum(let points, let temporality):
            for point in points {
                guard case .int(let number) = point.value, number >= 0, point.start <= time else { return "\(point)" }
                guard temporality == .cumulative else { continue }
                let series = Series(metric: metric.descriptor, attributes: point.attributes)
                let former = numbers.updateValue(point, forKey: series)
                if let former, !point.goesOn(from: former) { return "\(former), then \(point)" }
            }
        case .histogram(let points, let temporality):
            for point in points {
                guard MutationTests.isSound(point.bounds, point.bucketCounts, point.count, point.sum),
                    point.start <= time
                else { return "\(temporality) \(point)" }
                guard temporality == .cumulative else { continue }
                let series = Series(metric: metric.descriptor, attributes: point.attributes)
                let former = histograms.updateValue(point, forKey: series)
                if let former, !point.goesOn(from: former) { return "\(former), then \(point)" }
            }
        case .upDownSum, .exponentialHistogram: return "no engine has that"
        }
        return nil
    }
}

extension NumberPoint {
    /// Whether a backend that has the former point takes this one for what was counted since, or for a new start.
    fileprivate func goesOn(from former: NumberPoint) -> Bool {
        guard case .int(let new) = value, case .int(let old) = former.value else { return false }
        return start > former.start || (start == former.start && new >= old)
    }
}

extension HistogramPoint {
    fileprivate func goesOn(from former: HistogramPoint) -> Bool {
        start > former.start
            || (start == former.start && bounds == former.bounds
                && zip(bucketCounts, former.bucketCounts).allSatisfy { $0 >= $1 } && sum >= former.sum)
    }
}
