// The longest timeout and interval of this package, and how log lines name them.

extension Duration {
    /// The upper limit of timeouts and intervals, so that arithmetic with durations can't overflow.
    package static let year: Duration = .seconds(365 * 86_400)

    /// The duration, clamped to 0 to a year.
    package var withinAYear: Duration { min(max(self, .zero), .year) }

    /// In seconds, for people: `60 s`, `0.5 s`.
    package var inSeconds: String {
        let (seconds, attoseconds) = components
        return attoseconds == 0 ? "\(seconds) s" : "\(self / .seconds(1)) s"
    }
}
