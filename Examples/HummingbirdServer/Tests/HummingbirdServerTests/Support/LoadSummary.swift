// Reads the counts in what the load program prints.

struct LoadSummary {
    private var counts: [String: Int] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") where line.hasPrefix("  ") {
            guard let colon = line.lastIndex(of: ":") else { continue }
            let count = line[line.index(after: colon)...].drop { $0 == " " }
            counts[String(line[..<colon].drop { $0 == " " })] = Int(count)
        }
    }

    /// How many requests ended so; 0 if the summary does not say.
    subscript(end: String) -> Int { counts[end] ?? 0 }

    var total: Int { counts.values.reduce(0, +) }
}
