// The Retry-After header (RFC 9110, section 10.2.3).

import Foundation

/// The pause that a server asks for.
enum RetryAfter {
    /// The delay in seconds or until a date; nil if the value is neither, 0 for a date in the past.
    static func delay(_ value: String, now: Date) -> Duration? {
        let text = value.trimmed()
        if !text.isEmpty, text.utf8.allSatisfy(\.isDigit) {
            return Duration.seconds(Int(digits: text) ?? .max).withinAYear
        }
        // Clamped first: a Duration of too many seconds would trap.
        return date(text).map { Duration.seconds(min(max($0.timeIntervalSince(now), 0), 1e9)).withinAYear }
    }

    /// An IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not supported.
    private static func date(_ text: String) -> Date? {
        let parts = text.split(separator: " ")
        guard
            parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = Int(digits: parts[1]), (1...31).contains(day), let year = Int(digits: parts[3]),
            (1970...9999).contains(year),
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int(digits: $0) }
        guard time.count == 3, time[0] < 24, time[1] < 60, time[2] <= 60 else { return nil }
        var components = DateComponents()
        (components.year, components.month, components.day) = (year, month + 1, day)
        (components.hour, components.minute, components.second) = (time[0], time[1], time[2])
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(from: components)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
