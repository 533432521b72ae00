// Measurements, each by its name: swift run -c release Benchmarks <name>

let benchmarks: [(name: String, run: () throws -> Void)] = [
    ("prometheus-parsing", measurePrometheusParsing)
]

if let benchmark = benchmarks.first(where: { $0.name == CommandLine.arguments.dropFirst().first }) {
    try benchmark.run()
} else {
    print("usage: Benchmarks \(benchmarks.map(\.name).joined(separator: "|"))")
}
