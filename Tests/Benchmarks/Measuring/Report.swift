// Where benchmarks' tables go: to people as they come, to programs all together.

import Foundation

struct Report {
    /// One JSON array of tables instead of Markdown.
    var isJSON: Bool

    func run(_ benchmarks: [Benchmark]) throws {
        var tables: [Table] = []
        for benchmark in benchmarks {
            let new = try benchmark.run()
            tables += new
            if !isJSON {
                for table in new { print(table.text) }
                fflush(nil)
            }
        }
        if isJSON { try printAsJSON(tables) }
    }

    private func printAsJSON(_ tables: [Table]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity",
            negativeInfinity: "-Infinity",
            nan: "NaN"
        )
        print(String(decoding: try encoder.encode(tables), as: UTF8.self))
    }
}
