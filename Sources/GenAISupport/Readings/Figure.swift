// The table of figures that a polled server can report. Everything that is done to a figure between the poll and the
// export is a loop over this table.

/// A figure of a polled server or of one of its models. To add one: a case, its row, and a property of `ServerReading` or
/// `ModelReading`.
package enum Figure: UInt8, CaseIterable, Sendable {
    case kvCacheUsage, kvCacheSize, kvCacheTokens, requestsRunning, requestsWaiting, requestsMax
    case modelsLoaded, modelVRAM, modelSize, contextLength, modelLoads, modelUnloads
    case up
    case inputTokens, outputTokens, prefixCacheQueries, prefixCacheHits, preemptions
    case requestsSucceeded, requestsAborted, requestsFailed
    /// Only tracked requests have it.
    case requestsGood
    case requestDuration, queueTime, timeToFirstToken, timePerOutputToken

    /// The properties of a figure.
    package struct Row: Sendable {
        package var metric: MetricDescriptor
        package var kind: Kind
        /// How the figures of several replicas become one.
        package var merging = Merging.sum
        /// Whether a model that a reachable server no longer lists reports 0 for a while, so that graphs fall. Otherwise
        /// the figure ends with the model.
        package var isZeroedWhenGone = false
        /// Whether the poller counts it, from one poll to the next, because no server reports it. It has the attributes of the
        /// gauges.
        package var isCountedByPolls = false
        /// The attribute that tells this figure from others of the same metric.
        package var attribute: (key: String, value: String)?
    }

    package enum Kind: Sendable {
        /// A gauge from 0 to 100.
        case percentage
        /// A gauge that is a whole number, 0 or more.
        case count
        /// A sum that rises until the server restarts.
        case sum
        /// A histogram with the server's own bounds. Its counts rise until the server restarts.
        case histogram

        /// Whether the figure counts from a start.
        package var isCounter: Bool { self == .sum || self == .histogram }
    }

    package enum Merging: Sendable { case sum, maximum }

    package var row: Row {
        switch self {
        case .kvCacheUsage: Row(metric: .kvCacheUsage, kind: .percentage, merging: .maximum, isZeroedWhenGone: true)
        // Capacities are not 0 when the model is gone: queries divide by them.
        case .kvCacheSize: Row(metric: .kvCacheSize, kind: .count)
        case .kvCacheTokens: Row(metric: .kvCacheTokens, kind: .count, isZeroedWhenGone: true)
        case .requestsRunning: Row(metric: .requestsRunning, kind: .count, isZeroedWhenGone: true)
        case .requestsWaiting: Row(metric: .requestsWaiting, kind: .count, isZeroedWhenGone: true)
        case .requestsMax: Row(metric: .requestsMax, kind: .count)
        case .modelsLoaded: Row(metric: .modelsLoaded, kind: .count)
        case .modelVRAM: Row(metric: .modelVRAM, kind: .count, isZeroedWhenGone: true)
        case .modelSize: Row(metric: .modelSize, kind: .count, isZeroedWhenGone: true)
        case .contextLength: Row(metric: .contextLength, kind: .count, merging: .maximum)
        case .modelLoads: Row(metric: .modelLoads, kind: .sum, isCountedByPolls: true)
        case .modelUnloads: Row(metric: .modelUnloads, kind: .sum, isCountedByPolls: true)
        case .up: Row(metric: .up, kind: .count, merging: .maximum)
        case .inputTokens: Row(metric: .tokens, kind: .sum, attribute: ("gen_ai.token.type", "input"))
        case .outputTokens: Row(metric: .tokens, kind: .sum, attribute: ("gen_ai.token.type", "output"))
        case .prefixCacheQueries: Row(metric: .prefixCacheQueries, kind: .sum)
        case .prefixCacheHits: Row(metric: .prefixCacheHits, kind: .sum)
        case .preemptions: Row(metric: .preemptions, kind: .sum)
        case .requestsSucceeded: Row(metric: .requests, kind: .sum)
        case .requestsAborted: Row(metric: .requests, kind: .sum, attribute: ("error.type", "abort"))
        case .requestsFailed: Row(metric: .requests, kind: .sum, attribute: ("error.type", "error"))
        case .requestsGood: Row(metric: .requestsGood, kind: .sum)
        case .requestDuration: Row(metric: .requestDuration, kind: .histogram)
        case .queueTime: Row(metric: .queueTime, kind: .histogram)
        case .timeToFirstToken: Row(metric: .timeToFirstToken, kind: .histogram)
        case .timePerOutputToken: Row(metric: .timePerOutputToken, kind: .histogram)
        }
    }
}
