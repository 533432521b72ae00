// Decides which requests are sent when.

import ExampleSupport
import Foundation

/// The requests of a run, in order of time: arrivals as those of many independent clients, with calm and busy times.
struct TrafficPlan: Sequence, IteratorProtocol {
    private let options: LoadOptions
    private let models: [String]
    private var random: SplitMix64
    /// Of who asks, so that this changes nothing of what is asked.
    private var names: SplitMix64
    private var time = 0.0
    private var burst = 0

    init(_ options: LoadOptions, models: [String]) {
        self.options = options
        self.models = models
        random = SplitMix64(seed: options.seed)
        names = SplitMix64(seed: ~options.seed)
    }

    mutating func next() -> PlannedRequest? {
        if burst > 0 {
            burst -= 1
        } else {
            // Arrivals at the highest rate, of which the share is kept that the rate of the moment has of it.
            repeat { time += random.interval(rate: meanRate * 1.5) } while !random.chance(1 / 1.5 * wave)
            // Now and then many come at once, as after an outage or from a batch job.
            if random.chance(0.02) { burst = Int.random(in: 3...10, using: &random) }
        }
        guard time < options.seconds else { return nil }
        return request()
    }

    /// The rate without the bursts, which add 2 % times 6.5 requests.
    private var meanRate: Double { options.rate / 1.13 }

    /// Traffic rises and falls, by half of its mean, over 40 seconds.
    private var wave: Double { 1 + 0.5 * sin(time * 2 * .pi / 40) }

    private mutating func request() -> PlannedRequest {
        let isBad = random.chance(options.errors)
        // The first model gets half of the requests, the second half of the rest, and so on.
        var model = 0
        while model < models.count - 1, random.chance(0.5) { model += 1 }
        return PlannedRequest(
            time: time,
            kind: isBad ? (random.chance(0.5) ? .unknownModel : .brokenBody) : .good,
            model: models[model],
            promptWords: random.skewedCount(median: 120, spread: 0.9, in: 3...900),
            maxTokens: random.skewedCount(median: 70, spread: 0.7, in: 4...400),
            isStream: random.chance(options.streams),
            // Not at once: the request shall have reached the server.
            hangUpAfter: random.chance(options.hangUps) ? Double.random(in: 0.25...2, using: &random) : nil,
            tenant: names.chance(0.7) ? "search" : "support",
            // Never 0, which would be no trace.
            traceID: (names.next() | 1, names.next() | 1)
        )
    }
}
