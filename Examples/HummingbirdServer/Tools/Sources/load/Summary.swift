// What came of a run: counts and quantiles.

import Foundation

struct Summary {
    private var outcomes: [Outcome] = []

    mutating func add(_ outcome: Outcome) { outcomes.append(outcome) }

    /// Whether every answer came that was waited for.
    var isComplete: Bool {
        outcomes.allSatisfy { outcome in
            if case .failed = outcome.end { false } else { true }
        }
    }

    /// - Parameters:
    ///   - sendingSeconds: how long requests were sent.
    ///   - seconds: when the last answer had come.
    func text(sendingSeconds: Double, seconds: Double) -> String {
        let counts = Dictionary(grouping: outcomes, by: { Self.name($0.end) }).mapValues(\.count)
        let good = outcomes.filter { $0.end == .status(200) }
        let lines =
            [
                "\(outcomes.count) requests sent in \(Self.fixed(sendingSeconds, 1)) s, "
                    + "the last answer after \(Self.fixed(seconds, 1)) s"
            ]
            + counts.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
            + [
                "latency of complete answers: \(Self.quantiles(good.map(\.seconds)))",
                "time to first token of streams: \(Self.quantiles(good.compactMap(\.firstTokenSeconds)))",
                "tokens in streams: \(outcomes.reduce(0) { $0 + $1.tokens })",
            ]
        return lines.joined(separator: "\n")
    }

    private static func name(_ end: Outcome.End) -> String {
        switch end {
        case .status(let code): "status \(code)"
        case .hungUp: "hung up"
        case .failed(let reason): "failed (\(reason))"
        }
    }

    private static func quantiles(_ values: [Double]) -> String {
        guard !values.isEmpty else { return "none" }
        let sorted = values.sorted()
        let shares: KeyValuePairs = ["p50": 0.5, "p95": 0.95, "p99": 0.99]
        return shares.map { name, share in
            // The nearest rank.
            let rank = max(Int((share * Double(sorted.count)).rounded(.up)), 1)
            return "\(name) \(fixed(sorted[rank - 1], 3)) s"
        }.joined(separator: ", ")
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
