import GenAIOtel

extension ServerMetricsCollector {
    /// How many requests have ended, by their `error.type`, which is empty for those that ended well.
    var ended: [String: Int] {
        var counts: [String: Int] = [:]
        for point in points("gen_ai.requests") {
            guard case .int(let count) = point.value else { continue }
            counts[point.attributes["error.type"] ?? "", default: 0] += count
        }
        return counts
    }

    /// Tokens by their type.
    var tokens: [String: Int] {
        var counts: [String: Int] = [:]
        for point in points("gen_ai.server.tokens") {
            guard case .int(let count) = point.value, let type = point.attributes["gen_ai.token.type"] else { continue }
            counts[type, default: 0] += count
        }
        return counts
    }

    /// How many requests have had a first token.
    var firstTokens: UInt64 {
        points("gen_ai.server.time_to_first_token").reduce(0) { count, point in
            guard case .histogram(let histogram) = point.value else { return count }
            return count + histogram.count
        }
    }
}
