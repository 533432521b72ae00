// What it costs to read vLLM's metrics page, beside splitting it into strings.

import EnginePoller
import Foundation

enum PrometheusParsing {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../EnginePollerTests/Fixtures")

    static func run() throws -> [Table] {
        try ["vllm-0.32.0-two-replicas-fresh.txt", "vllm-0.32.0-busy.txt"].map { name in
            let page = Array(try Data(contentsOf: fixtures.appendingPathComponent(name)))
            return Comparison(
                title: "Parsing of \(name), \(page.count) bytes",
                unit: .microseconds,
                rounds: 51,
                calls: 1,
                subjects: [
                    Subject("String.split") { _ in _ = splitIntoStrings(page) },
                    Subject("parser", calls: 10) { calls in
                        for _ in 0..<calls { _ = EnginePage(page) }
                    },
                ]
            ).run()
        }
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
