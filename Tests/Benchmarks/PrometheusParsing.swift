// What it costs to read vLLM's metrics page, beside splitting it into strings.

import EnginePoller
import Foundation

/// Prints the CPU time per page of the parser and of a baseline, measured in turn.
struct PrometheusParsing {
    private let runs = 500
    private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../EnginePollerTests/Fixtures")

    func run() throws {
        for name in ["vllm-0.32.0-two-replicas-fresh.txt", "vllm-0.32.0-busy.txt"] {
            let page = Array(try Data(contentsOf: fixtures.appendingPathComponent(name)))
            var parser: [Double] = []
            var baseline: [Double] = []
            for _ in 0..<runs {
                parser.append(cpuMicroseconds { _ = EngineFigures.read(page) })
                baseline.append(cpuMicroseconds { _ = splitIntoStrings(page) })
            }
            print("\(name), \(page.count) bytes, \(runs) runs each, CPU time per page")
            report("parser", parser)
            report("String.split", baseline)
            print("  ratio of medians: \((median(baseline) / median(parser)).rounded(toPlaces: 1))")
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

private func cpuMicroseconds(_ body: () -> Void) -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }
    let start = now()
    body()
    return now() - start
}

private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

private func report(_ name: String, _ values: [Double]) {
    let middle = median(values).rounded(toPlaces: 1)
    print("  \(name): median \(middle) us, min \((values.min() ?? 0).rounded(toPlaces: 1)) us")
}

extension Double {
    fileprivate func rounded(toPlaces places: Int) -> Double {
        let factor = pow(10, Double(places))
        return (self * factor).rounded() / factor
    }
}
