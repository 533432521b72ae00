// The table of figures that a polled server can report. Everything that is done to a figure between the poll and the
// export is a loop over this table.

/// A figure of a polled server or of one of its models. To add one: a case, its row, and a property of `ServerReading` or
/// `ModelReading`.
package enum Figure: UInt8, CaseIterable, Sendable {
    case kvCacheUsage, requestsRunning, requestsWaiting, requestsMax
    case modelsLoaded, modelVRAM
    case up

    /// What there is to know about a figure.
    package struct Row: Sendable {
        package var metric: MetricDescriptor
        package var kind: Kind
        /// How the figures of several replicas become one.
        package var merging: Merging
        /// Whether a model that a reachable server no longer lists reports 0 for a while, so that graphs fall. Otherwise
        /// the figure ends with the model.
        package var isZeroedWhenGone = true
    }

    package enum Kind: Sendable {
        /// A gauge from 0 to 100.
        case percentage
        /// A gauge that is a whole number, 0 or more.
        case count
        /// A sum that rises until the server starts anew.
        case sum
        /// A histogram with the server's own bounds, which rises until the server starts anew.
        case histogram
    }

    package enum Merging: Sendable { case sum, maximum }

    package var row: Row {
        switch self {
        case .kvCacheUsage: Row(metric: .kvCacheUsage, kind: .percentage, merging: .maximum)
        case .requestsRunning: Row(metric: .requestsRunning, kind: .count, merging: .sum)
        case .requestsWaiting: Row(metric: .requestsWaiting, kind: .count, merging: .sum)
        // Not 0 when the model is gone: queries divide by it.
        case .requestsMax: Row(metric: .requestsMax, kind: .count, merging: .sum, isZeroedWhenGone: false)
        case .modelsLoaded: Row(metric: .modelsLoaded, kind: .count, merging: .sum)
        case .modelVRAM: Row(metric: .modelVRAM, kind: .count, merging: .sum)
        case .up: Row(metric: .up, kind: .count, merging: .maximum)
        }
    }
}
