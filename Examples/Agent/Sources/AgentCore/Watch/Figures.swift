// Numbers in few columns.

import Foundation

/// Writes figures in five columns at most, and absent ones as nothing known.
enum FigureText {
    /// A rate or a count: `0.4`, `12`, `812`, `3.1k`, `12k`, `1.2M`.
    static func number(_ value: Double?, none: String) -> String {
        guard let value, value.isFinite else { return none }
        if value == 0 { return "0" }
        if value < 0.05 { return "0.0" }
        let units = ["", "k", "M", "G", "T"]
        var scaled = value
        var unit = 0
        while scaled >= 999.5, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        if scaled >= 999.5 { return ">999T" }
        let digits = scaled < 9.95 && (unit > 0 || scaled != scaled.rounded()) ? 1 : 0
        return String(format: "%.\(digits)f", scaled) + units[unit]
    }

    static func count(_ value: Int?, none: String) -> String { number(value.map { Double($0) }, none: none) }

    /// A time: `850µs`, `21ms`, `1.2s`, `45s`, `12m`.
    static func seconds(_ value: Double?, none: String, isUnicode: Bool = true) -> String {
        guard let value, value.isFinite, value >= 0 else { return none }
        func text(_ scaled: Double, _ unit: String) -> String {
            String(format: scaled < 9.95 ? "%.1f" : "%.0f", scaled) + unit
        }
        switch value {
        case 0: return "0ms"
        case ..<0.000_9995: return String(format: "%.0f", value * 1e6) + (isUnicode ? "µs" : "us")
        case ..<0.9995: return text(value * 1e3, "ms")
        case ..<99.5: return text(value, "s")
        case ..<5_970: return String(format: "%.0fm", value / 60)
        default: return String(format: "%.0fh", min(value / 3_600, 9_999))
        }
    }

    static func percent(_ value: Double?, none: String) -> String {
        guard let value, value.isFinite else { return none }
        return String(format: "%.0f%%", min(max(value, 0), 100))
    }

    /// `61.0/80.0 GiB`.
    static func memory(_ used: Int?, of limit: Int?, none: String) -> String {
        func gibibytes(_ bytes: Int) -> String {
            let value = Double(bytes) / 1_073_741_824
            return String(format: value < 99.95 ? "%.1f" : "%.0f", value)
        }
        guard let limit else { return used.map { gibibytes($0) + " GiB" } ?? none }
        return "\(used.map(gibibytes) ?? none)/\(gibibytes(limit)) GiB"
    }
}
