// Measurements that take too long for the tests: swift run -c release Benchmarks <name>

import Foundation

let benchmarks: KeyValuePairs<String, () throws -> Void> = [
    "gauges": measureGauges,
    "collect-and-encode": measureCollectAndEncode,
    "prometheus-parsing": { try PrometheusParsing().run() },
    "request-tracking": measureRequestTracking,
    "ollama-soak": { try OllamaSoak().run() },
    "soak": { try Soak().run() },
    "soak-server": { try SoakServer.run() },
]

let name = CommandLine.arguments.dropFirst().first ?? ""
guard let benchmark = benchmarks.first(where: { $0.key == name }) else {
    print("usage: swift run -c release Benchmarks <name>, one of: \(benchmarks.map(\.key).joined(separator: ", "))")
    exit(2)
}
try benchmark.value()
