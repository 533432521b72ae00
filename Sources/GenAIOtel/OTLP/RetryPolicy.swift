// The pause before a retry.

/// Exponential back-off with jitter, or the server's Retry-After if that is longer.
struct RetryPolicy: Sendable {
    /// The pause after the first failure, before jitter.
    var firstDelay: Duration = .milliseconds(500)
    /// The longest pause, before jitter.
    var longestDelay: Duration = .seconds(5)
    /// A number from 0 to 1, fresh at each call.
    var random: @Sendable () -> Double = { Double.random(in: 0...1) }

    /// The pause after this number of consecutive failures (1 or more).
    ///
    /// Half of the back-off is random, so that thousands of servers do not retry at the same moment. A shorter
    /// Retry-After, such as a date in the past because of a wrong clock, does not shorten it.
    func delay(afterFailures failures: Int, requested: Duration?) -> Duration {
        max(backOff(afterFailures: failures), requested ?? .zero)
    }

    private func backOff(afterFailures failures: Int) -> Duration {
        var delay = firstDelay
        var doublings = failures - 1
        while doublings > 0, delay < longestDelay {
            delay *= 2
            doublings -= 1
        }
        return min(delay, longestDelay) * (0.5 + random() / 2)
    }
}
