// The one form in which benchmarks report.

/// Figures that belong together; ratios are to the first row, measured in the same run.
struct Table: Encodable {
    var title: String
    var rows: [Row]

    /// As Markdown, ready for the documentation.
    var text: String {
        let columns = Column.allCases.filter { column in column.isNeeded || rows.contains { column.cell($0) != "" } }
        let head = columns.map(\.rawValue)
        let lines = [head, head.map { _ in "---" }] + rows.map { row in columns.map { $0.cell(row) } }
        return "\(title)\n\n" + lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n") + "\n"
    }

    private enum Column: String, CaseIterable {
        case name = "what", unit, median, minimum, ratio, allocations, goal

        var isNeeded: Bool { self == .name || self == .unit || self == .median || self == .minimum }

        func cell(_ row: Row) -> String {
            switch self {
            case .name: row.name
            case .unit: row.unit.rawValue
            case .median: number(row.median)
            case .minimum: number(row.minimum)
            case .ratio: row.ratio.map(number) ?? ""
            case .allocations: row.allocations.map(number) ?? ""
            case .goal: row.goals.map(\.text).joined(separator: "; ")
            }
        }

        /// Three digits or the whole number: more would be noise.
        private func number(_ value: Double) -> String {
            guard value.isFinite else { return "-" }
            let places = value.magnitude >= 100 ? 1.0 : value.magnitude >= 10 ? 10 : value.magnitude >= 1 ? 100 : 10_000
            let rounded = (value * places).rounded() / places
            return rounded == rounded.rounded() ? String(Int(rounded)) : "\(rounded)"
        }
    }
}

/// One figure.
struct Row: Encodable {
    enum Unit: String, Encodable {
        case nanoseconds = "ns"
        case microseconds = "us"
        case milliseconds = "ms"
        case seconds = "s"
        case kibibytes = "KiB"
        case bytes = "B"
        case percentOfACore = "% of a core"

        /// How many of the unit's smallest parts, nanoseconds, it has; for units of time.
        var nanoseconds: Double {
            switch self {
            case .microseconds: 1e3
            case .milliseconds: 1e6
            case .seconds: 1e9
            default: 1
            }
        }
    }

    var name: String
    var unit: Unit
    var median: Double
    var minimum: Double
    var ratio: Double?
    var allocations: Double?
    private(set) var goals: [Goal.Outcome] = []

    init(
        _ name: String,
        _ unit: Unit,
        _ samples: Samples,
        baseline: Samples? = nil,
        allocations: Double? = nil,
        goals: [Goal] = []
    ) {
        self.name = name
        self.unit = unit
        median = samples.median
        minimum = samples.minimum
        ratio = baseline.map { samples.medianRatio(to: $0) }
        self.allocations = allocations
        self.goals = goals.map { $0.outcome(of: self) }
    }
}
