// Warns of anything that exceeds the cardinality limit.

import GenAISupport

/// Logs each excess once in the life of a collector.
struct CardinalityWarnings: Sendable {
    enum Excess: Sendable {
        case models, requests
        /// Polled servers, or models of one of them.
        case recorded
        case gpus
    }

    private let log: Log
    private let limit: Int
    private let known = Locked<Set<Excess>>([])

    init(_ log: Log, limit: Int) {
        self.log = log
        self.limit = limit
    }

    func warn(of excess: Excess) {
        guard known.withLock({ $0.insert(excess).inserted }) else { return }
        let (what, consequence) =
            switch excess {
            case .models: ("models", "new ones share one point with otel.metric.overflow")
            case .requests:
                (
                    "kinds of requests (model, operation, own attributes, response model, error)",
                    "new ones share one point with otel.metric.overflow"
                )
            case .recorded:
                ("polled servers, or models on one of them,", "new models share one point, new servers are left out")
            case .gpus: ("GPUs", "new ones are left out")
            }
        log.warning("More \(what) than the cardinality limit (\(limit)) allows: \(consequence)")
    }
}
