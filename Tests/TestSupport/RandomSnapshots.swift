// Snapshots made of random numbers, the same in every run.

import GenAIOtel
import GenAISupport

/// Makes snapshots that are as odd as they may be: every kind of metric, the limits of every number, names of all kinds.
package struct RandomSnapshots {
    private var generator: SeededGenerator
    /// Nanoseconds since 1970.
    private var time: UInt64

    package init(seed: UInt64, time: UInt64) {
        generator = SeededGenerator(seed: seed)
        self.time = time
    }

    package mutating func next() -> MetricSnapshot {
        time += 1_000_000
        let count = int(1...4)
        return MetricSnapshot(time: time, metrics: (0..<count).map { metric($0) })
    }

    private mutating func metric(_ index: Int) -> Metric {
        let name = "m\(index).\(String(repeating: "x", count: int(0...140)))"
        let unit = ["", "s", "{request}", "%"][int(0...3)]
        let descriptor = MetricDescriptor(name: name, unit: unit, description: text())
        let temporality: Temporality = int(0...1) == 0 ? .delta : .cumulative
        let points = int(1...4)
        var result =
            switch int(0...4) {
            case 0: Metric(descriptor, .gauge((0..<points).map { number($0, start: 0, least: .min) }))
            case 1: Metric(descriptor, .sum((0..<points).map { number($0, start: start(), least: 0) }, temporality))
            case 2: Metric(descriptor, .upDownSum((0..<points).map { number($0, start: start(), least: .min) }))
            case 3: Metric(descriptor, .histogram((0..<points).map { histogram($0) }, temporality))
            default: Metric(descriptor, .exponentialHistogram((0..<points).map { exponential($0) }, temporality))
            }
        if int(0...3) == 0 { result.scope = .polledServers }
        return result
    }

    private mutating func number(_ index: Int, start: UInt64, least: Int) -> NumberPoint {
        let value: NumberValue = int(0...1) == 0 ? .int(max(anyInt(), least)) : .double(max(anyDouble(), Double(least)))
        return NumberPoint(attributes(index), value, start: start)
    }

    private mutating func histogram(_ index: Int) -> HistogramPoint {
        var bounds: [Double] = []
        for _ in 0..<int(0...20) { bounds.append((bounds.last ?? -1) + Double(int(1...1_000)) / 16) }
        let counts = (0...bounds.count).map { _ in count() }
        return point(index, bounds, counts, counts.reduce(0, +))
    }

    private mutating func exponential(_ index: Int) -> HistogramPoint {
        let counts = (0..<int(0...160)).map { _ in count() }
        let zeros = count()
        var result = point(index, [], [], counts.reduce(zeros, +))
        result.exponential = ExponentialBuckets(
            scale: int(-10...20),
            offset: int(-40_000_000...40_000_000),
            counts: counts[...],
            zeroCount: zeros
        )
        return result
    }

    private mutating func point(_ index: Int, _ bounds: [Double], _ counts: [UInt64], _ total: UInt64) -> HistogramPoint
    {
        let (one, other) = (anyDouble(), anyDouble())
        var result = HistogramPoint(
            attributes(index),
            bounds: bounds,
            bucketCounts: counts[...],
            count: total,
            sum: anyDouble(),
            range: int(0...1) == 0 ? nil : min(one, other)...max(one, other),
            start: start()
        )
        result.exemplars = (0..<int(0...2)).map { _ in exemplar() }
        return result
    }

    private mutating func exemplar() -> Exemplar {
        let (trace, span) = (String(generator.next(), radix: 16), String(generator.next(), radix: 16))
        func digits(_ text: String, _ count: Int) -> String { String(repeating: "1", count: count - text.count) + text }
        return Exemplar(
            value: anyDouble(),
            time: start(),
            trace: int(0...2) == 0 ? nil : RequestTrace(traceID: digits(trace, 32), spanID: digits(span, 16))
        )
    }

    private mutating func attributes(_ index: Int) -> [Attribute] {
        let others = (0..<int(0...3)).map { number -> Attribute in
            switch int(0...3) {
            case 0: Attribute("int.\(number)", .int(anyInt()))
            case 1: Attribute("bool.\(number)", .bool(int(0...1) == 0))
            default: Attribute("\(number)\(text())", .string(text()))
            }
        }
        // No two points of a metric are the same.
        return index == 0 ? others.isEmpty ? [] : others : others + [Attribute("index", .int(index))]
    }

    private mutating func text() -> String {
        let scalars: [Unicode.Scalar] = ["a", "B", "7", "\"", "\\", "\n", "\u{0}", "\u{7f}", "é", "\u{2028}", "🦙", "/"]
        var result = String.UnicodeScalarView()
        for _ in 0..<[0, 1, 5, 15, 16, 130][int(0...5)] { result.append(scalars[int(0...11)]) }
        return String(result)
    }

    private mutating func anyInt() -> Int {
        switch int(0...3) {
        case 0: [0, 1, -1, .max, .min, 127, 128][int(0...6)]
        default: Int(truncatingIfNeeded: generator.next()) >> int(0...63)
        }
    }

    private mutating func anyDouble() -> Double {
        switch int(0...3) {
        case 0: [0, 1, -1, 0.1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e22][int(0...6)]
        case 1: Double(int(0...1_000)) / 8
        default:
            { $0.isFinite ? $0 : 0.5 }(Double(bitPattern: generator.next()))
        }
    }

    private mutating func count() -> UInt64 { [0, 0, 1, 127, 128, 1 << 40][int(0...5)] + UInt64(int(0...3)) }

    private mutating func start() -> UInt64 { time - UInt64(int(1...1_000_000_000)) }

    private mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
}
