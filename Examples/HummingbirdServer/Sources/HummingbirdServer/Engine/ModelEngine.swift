// The simulated engine: some models that share a number of places.

/// Answers requests as a serving engine would, without a model.
///
/// It knows nothing of HTTP and nothing of metrics. Thread-safe.
final class ModelEngine: Sendable {
    let models: [ModelProfile]
    private let scheduler: Scheduler
    private let clock: any Clock<Duration>
    private let speed: Double

    /// - Parameters:
    ///   - concurrency: how many requests run at once, over all models.
    ///   - queueLimit: how many may wait besides.
    ///   - speed: how many times faster than the models' own speed.
    ///   - onCacheUsage: see ``Scheduler/UsageHandler``; called once with 0 for every model before this returns.
    init(
        models: [ModelProfile],
        concurrency: Int,
        queueLimit: Int,
        speed: Double = 1,
        clock: any Clock<Duration> = ContinuousClock(),
        onCacheUsage: @escaping Scheduler.UsageHandler
    ) {
        self.models = models
        self.speed = speed
        self.clock = clock
        scheduler = Scheduler(concurrency: concurrency, queueLimit: queueLimit, models: models, onUsage: onCacheUsage)
        for model in models { onCacheUsage(model.name, 0) }
    }

    func model(named name: String) -> ModelProfile? { models.first { $0.name == name } }

    /// Takes a request in: it runs now or waits.
    func accept(_ request: GenerationRequest) throws(QueueFull) -> Generation {
        try Generation(request, scheduler, clock: clock, speed: speed)
    }

    /// About how long it takes until the queue has moved on by one, in whole seconds from 1 to 60.
    var retryAfterSeconds: Int {
        let typicalTokens = 120.0
        let slowest = models.map { 1 / $0.tokensPerSecond }.max() ?? 0
        let seconds = typicalTokens * slowest / speed / Double(max(scheduler.concurrency, 1))
        return Int(min(max(seconds.rounded(.up), 1), 60))
    }
}
