// What it costs to read vLLM's metrics page: beside its gauges alone, and beside splitting it into strings.

import EnginePoller
import Foundation
import GenAISupport

enum PrometheusParsing {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../EnginePollerTests/Fixtures")

    static func run() throws -> [Table] {
        let names = ["vllm-0.32.0-dp2-busy.txt", "vllm-0.32.0-two-replicas-fresh.txt", "vllm-0.32.0-busy.txt"]
        return try names.map { name in
            let page = Array(try Data(contentsOf: fixtures.appendingPathComponent(name)))
            let wide = page + unknownMetrics(of: page)
            let gauges = GaugeReader()
            let models = EnginePage(page)?.models ?? []
            precondition(
                (gauges.read(page) ?? []).map(\.gauges) == models.map(\.gauges).filter { $0 != [nil, nil, nil] }
            )
            let kept = models.flatMap { $0.figures.elements + $0.replicas.flatMap(\.figures.elements) }
            let replicas = models.reduce(0) { $0 + $1.replicas.count }
            let allocations = AllocationCounter.count { for _ in 0..<10 { _ = EnginePage(page) } }
            return Comparison(
                title:
                    "Parsing of \(name), \(page.count) bytes: \(kept.count) figures of \(replicas) replicas and their sum",
                unit: .microseconds,
                rounds: 51,
                calls: 1,
                subjects: [
                    Subject("the gauges alone", calls: 10) { calls in
                        for _ in 0..<calls { _ = gauges.read(page) }
                    },
                    Subject("all figures", goals: [.ratio(3)], calls: 10) { calls in
                        for _ in 0..<calls { _ = EnginePage(page) }
                    },
                    // What is not kept costs no allocation.
                    Subject(
                        "all figures, and as much of unknown metrics",
                        goals: allocations.map { [.allocations(Double($0) / 10)] } ?? [],
                        calls: 10
                    ) { calls in
                        for _ in 0..<calls { _ = EnginePage(wide) }
                    },
                    Subject("String.split") { _ in _ = splitIntoStrings(page) },
                ]
            ).run()
        }
    }

    /// The engine's lines with other names.
    private static func unknownMetrics(of page: [UInt8]) -> [UInt8] {
        let lines = String(decoding: page, as: UTF8.self).split(separator: "\n").filter { $0.contains("vllm:") }
        return Array(lines.joined(separator: "\n").replacingOccurrences(of: "vllm:", with: "unknown:").utf8)
    }
}

extension ModelReading {
    /// What both readers read.
    fileprivate var gauges: [Double?] {
        [kvCacheUsage, requestsRunning.map(Double.init), requestsWaiting.map(Double.init)]
    }
}

/// What one would write first: lines, then words, kept if the name is wanted.
private func splitIntoStrings(_ page: [UInt8]) -> [String: Double] {
    let wanted = ["vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"]
    var result: [String: Double] = [:]
    for line in String(decoding: page, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
        let words = line.split(separator: " ")
        guard words.count == 2, wanted.contains(String(words[0].prefix { $0 != "{" })) else { continue }
        result[String(words[0])] = Double(words[1])
    }
    return result
}
