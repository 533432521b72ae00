// What a poll of a model server yields: the plain values that pollers hand on.

import Foundation

/// Which server a reading is from. Its parts become the attributes of every point, so no two servers may have the same.
///
/// When a reading is recorded, texts are cut to 256 bytes of UTF-8, and empty attributes are left out. A value: safe to pass
/// between threads.
///
/// ```swift
/// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000, attributes: ["zone": "eu-1"])
/// ```
public struct ServerIdentity: Sendable, Hashable {
    /// Attribute `engine`: `ollama`, `vllm`, `tgi`, `sglang`, `llama.cpp`, ... or a name of the application's own.
    /// Nil while the engine could not be recognised; the attribute is then left out.
    public var engine: String?
    /// Attribute `server.address`: host name or IP address.
    public var address: String
    /// Attribute `server.port`, 1 to 65535.
    public var port: Int

    /// Attribute `url.path`, for servers that share an address and a port; nil leaves it out.
    public var path: String?
    /// Attributes of your own, such as `team` or `zone`. One with the name of an attribute of this package is left out.
    public var attributes: [String: String]

    /// Makes an identity. Nothing is checked here.
    ///
    /// - Parameters:
    ///   - engine: the engine's name; nil while it is not recognised.
    ///   - address: host name or IP address.
    ///   - port: the server's port, 1 to 65535.
    ///   - path: tells apart servers that share an address and a port; by default left out.
    ///   - attributes: attributes of your own; by default none.
    public init(
        engine: String?,
        address: String,
        port: Int,
        path: String? = nil,
        attributes: [String: String] = [:]
    ) {
        self.engine = engine
        self.address = address
        self.port = port
        self.path = path
        self.attributes = attributes
    }

    /// The names that ``attributes`` can't have, because this package gives them their values.
    package static let reservedAttributes: Set = [
        "engine", "error.type", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
        "gen_ai.token.type", "otel.metric.overflow", "server.address", "server.port", "url.path",
    ]
}

/// The state of one model server at one moment.
///
/// Pollers make it, and ``ServerMetricsSource/read()``. Absent is not zero: a figure that the server does not report is nil
/// and makes no point. A value: safe to pass between threads.
///
/// ```swift
/// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)
/// let model = ModelReading(model: "llama-3", kvCacheUsage: 62.5, requestsRunning: 3, requestsWaiting: 0)
/// let reading = ServerReading(server: server, models: [model])
/// ```
public struct ServerReading: Sendable, Equatable {
    /// The server that was read.
    public var server: ServerIdentity
    /// Whether the server could be reached and understood (`gen_ai.server.up`). If false, every figure is ignored.
    public var isUp: Bool
    /// Why the server could not be reached or understood, and what to do about it, in words. Nil if it is up, or if the reason
    /// is not known.
    ///
    /// It is not exported. It holds no secrets and no control characters.
    public var problem: String?
    /// The figures of each model. A server that does not name its model has one entry with a nil name.
    public var models: [ModelReading]
    /// The figures of the server as a whole.
    package var figures = Figures()
    /// Whether the server is up, but was too busy to report its figures. See ``busy(_:)``.
    public private(set) var isBusy = false

    /// The number of models in memory, 0 or more.
    public var modelsLoaded: Int? {
        get { figures[int: .modelsLoaded] }
        set { figures[int: .modelsLoaded] = newValue }
    }

    /// Makes a reading. Nothing is checked here: figures are clamped when the reading is recorded.
    ///
    /// - Parameters:
    ///   - server: the server that was read.
    ///   - isUp: whether it could be reached and understood; see ``down(_:because:)``.
    ///   - modelsLoaded: the number of models in memory, 0 or more; nil if the server does not tell.
    ///   - models: the figures of each model. Entries with the same name are merged when the reading is recorded.
    public init(server: ServerIdentity, isUp: Bool = true, modelsLoaded: Int? = nil, models: [ModelReading] = []) {
        self.server = server
        self.isUp = isUp
        self.models = models
        self.modelsLoaded = modelsLoaded
    }

    /// The reading of a server that could not be reached or understood. It reports `gen_ai.server.up` 0 and nothing else.
    ///
    /// ```swift
    /// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)
    /// metrics.record(.down(server, because: "connection refused"))
    /// ```
    ///
    /// - Parameters:
    ///   - server: the server.
    ///   - problem: why, in words; control characters are escaped. Nil if the reason is not known.
    /// - Returns: the reading.
    public static func down(_ server: ServerIdentity, because problem: String? = nil) -> ServerReading {
        var reading = ServerReading(server: server, isUp: false)
        reading.problem = problem.map(escapingControlCharacters)
        return reading
    }

    /// The reading of a server that answers, but is too busy to report its figures in time.
    ///
    /// It reports `gen_ai.server.up` 1. Its other figures have no points until the next reading; its counters then continue
    /// where they were.
    ///
    /// - Parameter server: the server.
    /// - Returns: the reading.
    public static func busy(_ server: ServerIdentity) -> ServerReading {
        var reading = ServerReading(server: server)
        reading.isBusy = true
        return reading
    }
}

/// The figures of one model on one server. A figure that is nil is not reported. A value: safe to pass between threads.
///
/// Numbers below 0 become 0 when the reading is recorded. A histogram whose parts do not fit together is left out.
///
/// ```swift
/// var model = ModelReading(model: "llama-3", requestsRunning: 3)
/// model.outputTokens = 81_772
/// model.timeToFirstToken = HistogramReading(bounds: [0.1, 1], bucketCounts: [7, 2, 0], sum: 1.9)
/// ```
public struct ModelReading: Sendable, Equatable {
    /// Attribute `model`, and `gen_ai.request.model` of what is counted. Nil if the server does not tell.
    public var model: String?
    package var figures = Figures()
    /// The counters of each replica, if the server tells replicas apart. The counters of ``figures`` are their sum.
    ///
    /// The sum alone would not show that one replica restarts while others go on.
    package var replicas: [ReplicaCounters] = []

    /// KV-cache usage in percent, 0 to 100; clamped. For Ollama: the model's share of the GPU memory.
    public var kvCacheUsage: Double? {
        get { figures[double: .kvCacheUsage] }
        set { figures[double: .kvCacheUsage] = newValue }
    }
    /// GPU memory that the model occupies, in bytes, 0 or more.
    public var vram: Int? {
        get { figures[int: .modelVRAM] }
        set { figures[int: .modelVRAM] = newValue }
    }
    /// Requests that are being executed, 0 or more.
    public var requestsRunning: Int? {
        get { figures[int: .requestsRunning] }
        set { figures[int: .requestsRunning] = newValue }
    }
    /// Requests that wait in the server's queue, 0 or more.
    public var requestsWaiting: Int? {
        get { figures[int: .requestsWaiting] }
        set { figures[int: .requestsWaiting] = newValue }
    }
    /// The most requests that the server executes at once, 0 or more.
    public var requestsMax: Int? {
        get { figures[int: .requestsMax] }
        set { figures[int: .requestsMax] = newValue }
    }

    /// The number of tokens that the KV cache can hold, 0 or more.
    public var kvCacheSize: Int? {
        get { figures[int: .kvCacheSize] }
        set { figures[int: .kvCacheSize] = newValue }
    }
    /// The number of tokens in the KV cache, 0 or more.
    public var kvCacheTokens: Int? {
        get { figures[int: .kvCacheTokens] }
        set { figures[int: .kvCacheTokens] = newValue }
    }
    /// Memory that the model occupies in all, on GPUs and off, in bytes, 0 or more.
    public var size: Int? {
        get { figures[int: .modelSize] }
        set { figures[int: .modelSize] = newValue }
    }
    /// The longest context that the model is run with, in tokens, 0 or more.
    public var contextLength: Int? {
        get { figures[int: .contextLength] }
        set { figures[int: .contextLength] = newValue }
    }

    // MARK: What a server counts

    /// When the server began to count; nil if it does not tell. A later start than before means that the server restarted.
    ///
    /// Without it, counting begins with the first reading, and a count that falls means a restart.
    public var startTime: Date?
    /// Tokens of prompts, since the server began to count, 0 or more.
    public var inputTokens: Int? {
        get { figures[int: .inputTokens] }
        set { figures[int: .inputTokens] = newValue }
    }
    /// Tokens generated since the server began to count, 0 or more.
    public var outputTokens: Int? {
        get { figures[int: .outputTokens] }
        set { figures[int: .outputTokens] = newValue }
    }
    /// Tokens of prompts that were looked up in the prefix cache since the server began to count, 0 or more.
    public var prefixCacheQueries: Int? {
        get { figures[int: .prefixCacheQueries] }
        set { figures[int: .prefixCacheQueries] = newValue }
    }
    /// Tokens of prompts that were found in the prefix cache since the server began to count, 0 or more.
    public var prefixCacheHits: Int? {
        get { figures[int: .prefixCacheHits] }
        set { figures[int: .prefixCacheHits] = newValue }
    }
    /// How often a request was interrupted to make room for others, since the server began to count, 0 or more.
    public var preemptions: Int? {
        get { figures[int: .preemptions] }
        set { figures[int: .preemptions] = newValue }
    }
    /// Requests that ended without an error since the server began to count, 0 or more.
    public var requestsSucceeded: Int? {
        get { figures[int: .requestsSucceeded] }
        set { figures[int: .requestsSucceeded] = newValue }
    }
    /// Requests that their client or the server gave up since the server began to count, 0 or more. `error.type` is `abort`.
    public var requestsAborted: Int? {
        get { figures[int: .requestsAborted] }
        set { figures[int: .requestsAborted] = newValue }
    }
    /// Requests that failed since the server began to count, 0 or more. `error.type` is `error`.
    public var requestsFailed: Int? {
        get { figures[int: .requestsFailed] }
        set { figures[int: .requestsFailed] = newValue }
    }
    /// Times from a request's arrival to its end, in seconds, since the server began to count.
    public var requestDuration: HistogramReading? {
        get { figures[histogram: .requestDuration] }
        set { figures[histogram: .requestDuration] = newValue }
    }
    /// Times that requests waited before they were executed, in seconds, since the server began to count.
    public var queueTime: HistogramReading? {
        get { figures[histogram: .queueTime] }
        set { figures[histogram: .queueTime] = newValue }
    }
    /// Times from a request's arrival to its first token, in seconds, since the server began to count.
    public var timeToFirstToken: HistogramReading? {
        get { figures[histogram: .timeToFirstToken] }
        set { figures[histogram: .timeToFirstToken] = newValue }
    }
    /// Times per output token after the first one, in seconds, since the server began to count.
    public var timePerOutputToken: HistogramReading? {
        get { figures[histogram: .timePerOutputToken] }
        set { figures[histogram: .timePerOutputToken] = newValue }
    }

    /// Makes an entry. What is not given is not reported. Further figures are set as properties.
    ///
    /// - Parameters:
    ///   - model: the model's name; nil if the server does not tell.
    ///   - kvCacheUsage: KV-cache usage in percent, 0 to 100.
    ///   - vram: GPU memory that the model occupies, in bytes.
    ///   - requestsRunning: requests that are being executed.
    ///   - requestsWaiting: requests that wait in the server's queue.
    ///   - requestsMax: the most requests that the server executes at once.
    public init(
        model: String?,
        kvCacheUsage: Double? = nil,
        vram: Int? = nil,
        requestsRunning: Int? = nil,
        requestsWaiting: Int? = nil,
        requestsMax: Int? = nil
    ) {
        self.model = model
        self.kvCacheUsage = kvCacheUsage
        self.requestsRunning = requestsRunning
        self.requestsWaiting = requestsWaiting
        self.requestsMax = requestsMax
        self.vram = vram
    }

    package init(model: String?, figures: Figures) {
        self.model = model
        self.figures = figures
    }
}

/// The counters of one replica of a model.
package struct ReplicaCounters: Sendable, Equatable {
    /// Tells the replica from others of the model; the same in each poll.
    package var name: String
    /// When the replica began to count; nil if it does not tell.
    package var startTime: Date?
    package var figures: Figures

    package init(name: String, startTime: Date? = nil, figures: Figures) {
        self.name = name
        self.startTime = startTime
        self.figures = figures
    }
}
