// A small LLM server that serves nobody: requests come, queue, run and end, and fill the KV caches of three models.

import GenAIOtel

/// One tick of it is a tenth of a second of serving.
struct SimulatedServer {
    struct Model {
        let name: String
        /// Tokens that its KV cache holds.
        let cacheTokens: Int
        var running: [Request] = []

        /// Share of the KV cache that is in use, in percent.
        var kvCacheUsage: Double {
            Double(running.reduce(0) { $0 + $1.tokens }) / Double(cacheTokens) * 100
        }
    }

    struct Request {
        let model: Int
        var tokens: Int
        var tokensToCome: Int
    }

    static let capacity = 24

    private(set) var models = [
        Model(name: "gpt-4", cacheTokens: 32_000),
        Model(name: "llama-2-7b", cacheTokens: 20_000),
        Model(name: "mistral-7b", cacheTokens: 26_000),
    ]
    private(set) var waiting: [Request] = []
    private(set) var served = 0
    private var ticks = 0

    var running: Int { models.reduce(0) { $0 + $1.running.count } }

    /// Lets a tenth of a second pass and reports what has changed.
    mutating func tick(_ metrics: ServerMetricsCollector) {
        ticks += 1
        accept(metrics)
        generate(metrics)
        schedule(metrics)
        for model in models { metrics.setKVCacheUsage(model: model.name, percent: model.kvCacheUsage) }
    }

    /// Traffic comes in waves, so that the queue fills and drains.
    private mutating func accept(_ metrics: ServerMetricsCollector) {
        let isBusy = ticks % 100 < 60
        for _ in 0..<Int.random(in: 0...(isBusy ? 3 : 1)) {
            waiting.append(
                Request(
                    model: Int.random(in: models.indices),
                    tokens: Int.random(in: 50...1_500),
                    tokensToCome: Int.random(in: 50...600)
                )
            )
            metrics.incrementRequestsWaiting()
        }
    }

    private mutating func generate(_ metrics: ServerMetricsCollector) {
        for model in models.indices {
            for request in models[model].running.indices {
                models[model].running[request].tokens += 20
                models[model].running[request].tokensToCome -= 20
            }
            let before = models[model].running.count
            models[model].running.removeAll { $0.tokensToCome <= 0 }
            let ended = before - models[model].running.count
            served += ended
            metrics.decrementRequestsRunning(by: ended)
        }
    }

    private mutating func schedule(_ metrics: ServerMetricsCollector) {
        while running < Self.capacity, !waiting.isEmpty {
            let request = waiting.removeFirst()
            models[request.model].running.append(request)
            metrics.decrementRequestsWaiting()
            metrics.incrementRequestsRunning()
        }
    }
}
