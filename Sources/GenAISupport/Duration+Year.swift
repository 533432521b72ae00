// The longest timeout and interval of this package.

extension Duration {
    /// The upper limit of timeouts and intervals, so that arithmetic with durations can't overflow.
    package static let year: Duration = .seconds(365 * 86_400)

    /// The duration, clamped to 0 to a year.
    package var withinAYear: Duration { min(max(self, .zero), .year) }
}
