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
        /// Counts and times it.
        let tracked: ServerRequest
        let inputTokens: Int
        let outputTokens: Int
        var generated = 0

        var tokens: Int { inputTokens + generated }
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
        generate()
        schedule()
        for model in models { metrics.setKVCacheUsage(model: model.name, percent: model.kvCacheUsage) }
    }

    /// Traffic comes in waves, so that the queue fills and drains.
    private mutating func accept(_ metrics: ServerMetricsCollector) {
        let isBusy = ticks % 100 < 60
        for _ in 0..<Int.random(in: 0...(isBusy ? 3 : 1)) {
            let model = Int.random(in: models.indices)
            waiting.append(
                Request(
                    model: model,
                    tracked: metrics.enqueueRequest(model: models[model].name),
                    inputTokens: Int.random(in: 50...1_500),
                    outputTokens: Int.random(in: 50...600)
                )
            )
        }
    }

    private mutating func generate() {
        for model in models.indices {
            for position in models[model].running.indices {
                let request = models[model].running[position]
                let tokens = min(20, request.outputTokens - request.generated)
                request.tracked.markFirstToken()
                request.tracked.addOutputTokens(tokens)
                models[model].running[position].generated += tokens
            }
            let ended = models[model].running.filter { $0.generated == $0.outputTokens }
            for request in ended {
                request.tracked.finish(inputTokens: request.inputTokens, outputTokens: request.outputTokens)
            }
            models[model].running.removeAll { $0.generated == $0.outputTokens }
            served += ended.count
        }
    }

    private mutating func schedule() {
        while running < Self.capacity, !waiting.isEmpty {
            let request = waiting.removeFirst()
            request.tracked.start()
            models[request.model].running.append(request)
        }
    }
}
