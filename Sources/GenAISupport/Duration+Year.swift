// The longest time that this package waits for anything.

extension Duration {
    /// No timeout or interval is longer, so that arithmetic with durations can't overflow.
    package static let year: Duration = .seconds(365 * 86_400)

    /// The duration held between 0 and a year.
    package var withinAYear: Duration { min(max(self, .zero), .year) }
}
