// Measurements that take too long for the tests: swift run -c release Benchmarks [name...] [--json]

import Foundation

let benchmarks = [
    Benchmark("hot-path", run: HotPath.run),
    Benchmark("model-names", run: ModelNames.run),
    Benchmark("request-tracking", run: RequestTracking.run),
    Benchmark("readers-and-writers", run: ReadersAndWriters.run),
    Benchmark("encoding", run: Encoding.run),
    Benchmark("prometheus-parsing", run: PrometheusParsing.run),
    Benchmark("gpus", run: GPUPolling.run),
    Benchmark("gpu-idle", isQuick: false, run: GPUPolling.idle),
    Benchmark("process", isQuick: false) { try WholeProcess().run() },
    Benchmark("ollama-runners", isQuick: false) { try OllamaRunnerPolls().run() },
    Benchmark("ollama-soak", printing: { try OllamaSoak().run() }),
    Benchmark("gpu-soak", printing: { try GPUSoak().run() }),
    Benchmark("stress", printing: { try Stress().run() }),
    Benchmark("soak", printing: { try Soak().run() }),
    Benchmark("soak-server", printing: { try SoakServer.run() }),
]

let arguments = CommandLine.arguments.dropFirst()
if arguments.first == OllamaRunnerPolls.argument, let url = arguments.dropFirst().first {
    OllamaRunnerPolls.poll(url)
    exit(0)
}
let names = arguments.filter { $0 != "--json" }
guard names.allSatisfy({ name in benchmarks.contains { $0.name == name } }) else {
    print("usage: swift run -c release Benchmarks [name...] [--json]")
    print("names: \(benchmarks.map(\.name).joined(separator: ", "))")
    print("without a name: \(benchmarks.filter(\.isQuick).map(\.name).joined(separator: ", "))")
    exit(2)
}
let chosen = benchmarks.filter { names.isEmpty ? $0.isQuick : names.contains($0.name) }
try Report(isJSON: arguments.contains("--json")).run(chosen)
