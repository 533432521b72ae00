// What one thing cost, round after round.

import Foundation

/// The costs of one thing, a number for each round.
struct Samples {
    var values: [Double] = []

    var minimum: Double { values.min() ?? .nan }
    var median: Double { quantile(0.5) }

    /// The value that a share of the rounds stayed within.
    func quantile(_ share: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        return values.sorted()[Int((Double(values.count - 1) * share).rounded())]
    }

    /// The median of what each round cost in comparison with the same round of another: noise that lasts longer than a
    /// round hits both.
    func medianRatio(to other: Samples) -> Double {
        Samples(values: zip(values, other.values).map { $0 / $1 }).median
    }
}

/// Clocks that cost is measured on.
enum Stopwatch {
    /// Nanoseconds of processor time of the calling thread: what other programs take meanwhile does not count.
    static func processorTime(_ body: () -> Void) -> Double { time(CLOCK_THREAD_CPUTIME_ID, body) }

    /// Nanoseconds that pass.
    static func elapsedTime(_ body: () -> Void) -> Double { time(CLOCK_MONOTONIC, body) }

    private static func time(_ clock: clockid_t, _ body: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
        }
        let start = now()
        body()
        return now() - start
    }
}
