// The simulated engine: some models that share a number of places.

/// Answers requests as a serving engine would, without a model.
///
/// It knows nothing of HTTP and nothing of metrics. Thread-safe.
final class ModelEngine: Sendable {
    struct Settings: Sendable {
        /// What the models keep their pace by.
        var clock: any Clock<Duration>
        /// How many times faster than the models' own speed.
        var speed: Double
        /// The share of the answers that fail half-way, 0 to 1.
        var errorShare: Double
    }

    let models: [ModelProfile]
    private let scheduler: Scheduler
    /// By the model's name.
    private let prefixCaches: [String: PrefixCache]
    private let settings: Settings

    /// - Parameters:
    ///   - concurrency: how many requests run at once, over all models.
    ///   - queueLimit: how many may wait besides.
    ///   - speed: how many times faster than the models' own speed.
    ///   - errorShare: the share of the answers that fail half-way, 0 to 1.
    ///   - onCacheUsage: see ``Scheduler/UsageHandler``; called once with 0 for every model before this returns.
    init(
        models: [ModelProfile],
        concurrency: Int,
        queueLimit: Int,
        speed: Double = 1,
        errorShare: Double = 0,
        clock: any Clock<Duration> = ContinuousClock(),
        onCacheUsage: @escaping Scheduler.UsageHandler
    ) {
        self.models = models
        settings = Settings(clock: clock, speed: speed, errorShare: errorShare)
        prefixCaches = Dictionary(models.map { ($0.name, PrefixCache()) }) { first, _ in first }
        scheduler = Scheduler(concurrency: concurrency, queueLimit: queueLimit, models: models, onUsage: onCacheUsage)
        for model in models { onCacheUsage(model.name, 0) }
    }

    func model(named name: String) -> ModelProfile? { models.first { $0.name == name } }

    /// Takes a request in: it runs now or waits.
    func accept(_ request: GenerationRequest) throws(QueueFull) -> Generation {
        try Generation(request, scheduler, prefixCaches[request.model.name] ?? PrefixCache(), settings)
    }

    /// About how long it takes until the queue has moved on by one, in whole seconds from 1 to 60.
    var retryAfterSeconds: Int {
        let typicalTokens = 120.0
        let slowest = models.map { 1 / $0.tokensPerSecond }.max() ?? 0
        let seconds = typicalTokens * slowest / settings.speed / Double(max(scheduler.concurrency, 1))
        return Int(min(max(seconds.rounded(.up), 1), 60))
    }
}
