// The table of metrics that this package reports.

/// Name, unit and meaning of a metric.
package struct MetricDescriptor: Sendable, Hashable {
    package let name: String
    /// In UCUM notation.
    package let unit: String
    package let description: String

    package init(name: String, unit: String, description: String) {
        self.name = name
        self.unit = unit
        self.description = description
    }
}

extension MetricDescriptor {
    package static let kvCacheUsage = MetricDescriptor(
        name: "gen_ai.server.kv_cache.usage",
        unit: "%",
        description: "GPU KV-cache usage percentage (0-100)"
    )
    package static let kvCacheSize = MetricDescriptor(
        name: "gen_ai.server.kv_cache.size",
        unit: "{token}",
        description: "Number of tokens that the KV cache can hold"
    )
    package static let kvCacheTokens = MetricDescriptor(
        name: "gen_ai.server.kv_cache.tokens",
        unit: "{token}",
        description: "Number of tokens in the KV cache"
    )
    package static let requestsRunning = MetricDescriptor(
        name: "gen_ai.server.requests.running",
        unit: "{request}",
        description: "Number of requests currently executing"
    )
    package static let requestsWaiting = MetricDescriptor(
        name: "gen_ai.server.requests.waiting",
        unit: "{request}",
        description: "Number of requests waiting in queue"
    )
    package static let requestsMax = MetricDescriptor(
        name: "gen_ai.server.requests.max",
        unit: "{request}",
        description: "Maximum concurrent request capacity"
    )
    package static let modelsLoaded = MetricDescriptor(
        name: "gen_ai.server.models.loaded",
        unit: "{model}",
        description: "Number of models that the server holds in memory"
    )
    package static let modelVRAM = MetricDescriptor(
        name: "gen_ai.server.model.vram",
        unit: "By",
        description: "GPU memory that a loaded model occupies"
    )
    package static let modelSize = MetricDescriptor(
        name: "gen_ai.server.model.size",
        unit: "By",
        description: "Memory that a loaded model occupies in all"
    )
    package static let contextLength = MetricDescriptor(
        name: "gen_ai.server.model.context_length",
        unit: "{token}",
        description: "Longest context of a loaded model"
    )
    package static let modelLoads = MetricDescriptor(
        name: "gen_ai.server.model.loads",
        unit: "{load}",
        description: "Number of times that a model was loaded into memory"
    )
    package static let modelUnloads = MetricDescriptor(
        name: "gen_ai.server.model.unloads",
        unit: "{unload}",
        description: "Number of times that a model was unloaded"
    )
    package static let up = MetricDescriptor(
        name: "gen_ai.server.up",
        unit: "",
        description: "Whether the polled server could be reached and understood (1) or not (0)"
    )
    package static let requests = MetricDescriptor(
        name: "gen_ai.requests",
        unit: "{request}",
        description: "Number of requests that have ended"
    )
    package static let requestsGood = MetricDescriptor(
        name: "gen_ai.server.requests.good",
        unit: "{request}",
        description: "Number of requests that ended without an error and within the limits of an objective"
    )
    package static let tokens = MetricDescriptor(
        name: "gen_ai.server.tokens",
        unit: "{token}",
        description: "Number of tokens processed, by their type"
    )
    package static let prefixCacheQueries = MetricDescriptor(
        name: "gen_ai.server.prefix_cache.queries",
        unit: "{token}",
        description: "Number of tokens that were looked for in the prefix cache"
    )
    package static let prefixCacheHits = MetricDescriptor(
        name: "gen_ai.server.prefix_cache.hits",
        unit: "{token}",
        description: "Number of tokens that were found in the prefix cache"
    )
    package static let preemptions = MetricDescriptor(
        name: "gen_ai.server.preemptions",
        unit: "{preemption}",
        description: "Number of requests that were interrupted to make room for others"
    )
    package static let queueTime = MetricDescriptor(
        name: "gen_ai.server.request.queue_time",
        unit: "s",
        description: "Time that a request waited before it was executed"
    )
    package static let requestDuration = MetricDescriptor(
        name: "gen_ai.server.request.duration",
        unit: "s",
        description: "Time from a request's arrival to its end, time in the queue included"
    )
    package static let timeToFirstToken = MetricDescriptor(
        name: "gen_ai.server.time_to_first_token",
        unit: "s",
        description: "Time from a request's arrival to its first token, time in the queue included"
    )
    package static let timePerOutputToken = MetricDescriptor(
        name: "gen_ai.server.time_per_output_token",
        unit: "s",
        description: "Time per output token after the first one, of requests that ended well"
    )
}
