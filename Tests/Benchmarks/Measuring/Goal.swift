// What a figure is to reach.

/// An upper limit for one of the numbers in a row.
enum Goal {
    /// In the unit of the row, for the median.
    case value(Double)
    /// To the table's baseline, in the same run.
    case ratio(Double)
    /// By one call.
    case allocations(Double)
}

extension Goal {
    func outcome(of row: Row) -> Outcome {
        let (text, limit, actual): (String, Double, Double?) =
            switch self {
            case .value(let limit): ("<= \(Self.text(limit)) \(row.unit.rawValue)", limit, row.median)
            case .ratio(let limit): ("ratio <= \(Self.text(limit))", limit, row.ratio)
            case .allocations(let limit): ("allocations <= \(Self.text(limit))", limit, row.allocations)
            }
        return Outcome(goal: text, isMet: actual.map { $0 <= limit })
    }

    struct Outcome: Encodable {
        var goal: String
        /// Nil where the number could not be measured.
        var isMet: Bool?

        var text: String {
            switch isMet {
            case true?: "\(goal): met"
            case false?: "\(goal): MISSED"
            case nil: "\(goal): not measured"
            }
        }
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() ? String(Int(number)) : "\(number)"
    }
}
