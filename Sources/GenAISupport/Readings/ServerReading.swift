// What one look at a model server gives: the plain values that pollers hand on.

import Foundation

/// Which server a reading is from. Its parts become the attributes of every point, so no two servers may have the same.
public struct ServerIdentity: Sendable, Hashable {
    /// Attribute `engine`: `ollama`, `vllm`, `tgi`, `sglang`, `llama.cpp`, ... or a name of the application's own.
    /// Nil while the engine could not be recognised; the attribute is then left out.
    public var engine: String?
    /// Attribute `server.address`: host name or IP address.
    public var address: String
    /// Attribute `server.port`.
    public var port: Int

    /// Attribute `url.path`, for servers that share an address and a port; nil leaves it out.
    public var path: String?
    /// Further attributes of the application's own, such as `team` or `zone`. One that has the name of an attribute of this
    /// package is left out.
    public var attributes: [String: String]

    /// Makes an identity; no part is checked here.
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
/// Absent is not zero: a figure that the server does not report is nil, and gives no point.
///
/// ```swift
/// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)
/// let model = ModelReading(model: "llama-3", kvCacheUsage: 62.5, requestsRunning: 3, requestsWaiting: 0)
/// let reading = ServerReading(server: server, models: [model])
/// ```
public struct ServerReading: Sendable, Equatable {
    /// The server that was read.
    public var server: ServerIdentity
    /// Whether it could be reached and understood. When false, every other figure is ignored.
    public var isUp: Bool
    /// Why it could not be reached or understood, and what to do about it, in words; nil if it is up, or if nobody knows.
    ///
    /// It is not exported. It holds no secrets and no control characters.
    public var problem: String?
    /// The figures of each model. A server that does not say which model they belong to has one entry with a nil name.
    public var models: [ModelReading]
    /// The figures of the server as a whole.
    package var figures = Figures()
    /// Whether the server is up, but told no figures this time. See ``busy(_:)``.
    public private(set) var isBusy = false

    /// Number of models in memory, 0 or more.
    public var modelsLoaded: Int? {
        get { figures[int: .modelsLoaded] }
        set { figures[int: .modelsLoaded] = newValue }
    }

    /// Makes a reading; figures out of range are mended where the reading is recorded, not here.
    public init(server: ServerIdentity, isUp: Bool = true, modelsLoaded: Int? = nil, models: [ModelReading] = []) {
        self.server = server
        self.isUp = isUp
        self.models = models
        self.modelsLoaded = modelsLoaded
    }

    /// The reading of a server that could not be reached or understood.
    ///
    /// - Parameter problem: why, in words; control characters are escaped.
    public static func down(_ server: ServerIdentity, because problem: String? = nil) -> ServerReading {
        var reading = ServerReading(server: server, isUp: false)
        reading.problem = problem.map(escapingControlCharacters)
        return reading
    }

    /// The reading of a server that answers, but is too busy to tell its figures in time.
    ///
    /// It is up, and has no points until the next reading. What it counts goes on from the last one.
    public static func busy(_ server: ServerIdentity) -> ServerReading {
        var reading = ServerReading(server: server)
        reading.isBusy = true
        return reading
    }
}

/// The figures of one model on one server.
///
/// ```swift
/// var model = ModelReading(model: "llama-3", requestsRunning: 3)
/// model.outputTokens = 81_772
/// model.timeToFirstToken = HistogramReading(bounds: [0.1, 1], bucketCounts: [7, 2, 0], sum: 1.9)
/// ```
public struct ModelReading: Sendable, Equatable {
    /// Attribute `model`; nil where the server does not tell.
    public var model: String?
    package var figures = Figures()
    /// What each replica of the model counts, where the server tells them apart. The counters of ``figures`` are their sum.
    ///
    /// One replica may start anew while others go on, which their sum does not show.
    package var replicas: [ReplicaCounters] = []

    /// KV-cache usage in percent, 0 to 100. For Ollama: the model's share of the GPU memory.
    public var kvCacheUsage: Double? {
        get { figures[double: .kvCacheUsage] }
        set { figures[double: .kvCacheUsage] = newValue }
    }
    /// GPU memory that the model occupies, in bytes.
    public var vram: Int? {
        get { figures[int: .modelVRAM] }
        set { figures[int: .modelVRAM] = newValue }
    }
    /// Requests that are being executed.
    public var requestsRunning: Int? {
        get { figures[int: .requestsRunning] }
        set { figures[int: .requestsRunning] = newValue }
    }
    /// Requests that wait in the server's queue.
    public var requestsWaiting: Int? {
        get { figures[int: .requestsWaiting] }
        set { figures[int: .requestsWaiting] = newValue }
    }
    /// The most requests that the server executes at once.
    public var requestsMax: Int? {
        get { figures[int: .requestsMax] }
        set { figures[int: .requestsMax] = newValue }
    }

    /// Number of tokens that the KV cache can hold.
    public var kvCacheSize: Int? {
        get { figures[int: .kvCacheSize] }
        set { figures[int: .kvCacheSize] = newValue }
    }
    /// Number of tokens in the KV cache.
    public var kvCacheTokens: Int? {
        get { figures[int: .kvCacheTokens] }
        set { figures[int: .kvCacheTokens] = newValue }
    }
    /// Memory that the model occupies in all, in bytes.
    public var size: Int? {
        get { figures[int: .modelSize] }
        set { figures[int: .modelSize] = newValue }
    }
    /// Longest context of the model, in tokens.
    public var contextLength: Int? {
        get { figures[int: .contextLength] }
        set { figures[int: .contextLength] = newValue }
    }

    // MARK: What a server counts

    /// When the server began to count, if it tells. A start that changes is a restart.
    ///
    /// Without it, counting begins with the first reading, and a count that falls is a restart.
    public var startTime: Date?
    /// Tokens of prompts, since the server began to count.
    public var inputTokens: Int? {
        get { figures[int: .inputTokens] }
        set { figures[int: .inputTokens] = newValue }
    }
    /// Tokens generated, likewise.
    public var outputTokens: Int? {
        get { figures[int: .outputTokens] }
        set { figures[int: .outputTokens] = newValue }
    }
    /// Tokens of prompts that were looked for in the prefix cache, likewise.
    public var prefixCacheQueries: Int? {
        get { figures[int: .prefixCacheQueries] }
        set { figures[int: .prefixCacheQueries] = newValue }
    }
    /// Tokens of prompts that were found in the prefix cache, likewise.
    public var prefixCacheHits: Int? {
        get { figures[int: .prefixCacheHits] }
        set { figures[int: .prefixCacheHits] = newValue }
    }
    /// Requests that were interrupted to make room for others, likewise.
    public var preemptions: Int? {
        get { figures[int: .preemptions] }
        set { figures[int: .preemptions] = newValue }
    }
    /// Requests that ended without an error, likewise.
    public var requestsSucceeded: Int? {
        get { figures[int: .requestsSucceeded] }
        set { figures[int: .requestsSucceeded] = newValue }
    }
    /// Requests that their client or the server gave up, likewise; `error.type` is `abort`.
    public var requestsAborted: Int? {
        get { figures[int: .requestsAborted] }
        set { figures[int: .requestsAborted] = newValue }
    }
    /// Requests that failed, likewise; `error.type` is `error`.
    public var requestsFailed: Int? {
        get { figures[int: .requestsFailed] }
        set { figures[int: .requestsFailed] = newValue }
    }
    /// Time from a request's arrival to its end, in seconds, likewise.
    public var requestDuration: HistogramReading? {
        get { figures[histogram: .requestDuration] }
        set { figures[histogram: .requestDuration] = newValue }
    }
    /// Time that requests waited before they were executed, in seconds, likewise.
    public var queueTime: HistogramReading? {
        get { figures[histogram: .queueTime] }
        set { figures[histogram: .queueTime] = newValue }
    }
    /// Time from a request's arrival to its first token, in seconds, likewise.
    public var timeToFirstToken: HistogramReading? {
        get { figures[histogram: .timeToFirstToken] }
        set { figures[histogram: .timeToFirstToken] = newValue }
    }
    /// Time per output token after the first one, in seconds, likewise.
    public var timePerOutputToken: HistogramReading? {
        get { figures[histogram: .timePerOutputToken] }
        set { figures[histogram: .timePerOutputToken] = newValue }
    }

    /// Makes an entry; what is not given is not reported. Further figures are set as properties.
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

/// What one replica of a model counts.
package struct ReplicaCounters: Sendable, Equatable {
    /// Tells it from the other replicas of the model, from poll to poll.
    package var name: String
    /// When it began to count, if it tells.
    package var startTime: Date?
    package var figures: Figures

    package init(name: String, startTime: Date? = nil, figures: Figures) {
        self.name = name
        self.startTime = startTime
        self.figures = figures
    }
}
