// Measures what this package costs its host: `swift run -c release Benchmarks [NAME]...`, without a name all.

let benchmarks: KeyValuePairs<String, () -> Void> = [
    "request-tracking": measureRequestTracking
]

let wanted = CommandLine.arguments.dropFirst()
for (name, measure) in benchmarks where wanted.isEmpty || wanted.contains(name) { measure() }
