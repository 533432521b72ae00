// Finds KV-cache usages that are set as a fraction (0 to 1) instead of a percentage (0 to 100).

import GenAISupport

/// Logs once for a model that its usage looks like a fraction.
///
/// It looks at the values of snapshots now and then, so that setting a value costs nothing more. A model whose usage was ever
/// above 1 is fine for good; one that is always 0 is idle.
final class ShareHint: Sendable {
    private enum Verdict {
        case fine
        /// Above 0 and at most 1 since that time, at this number of looks.
        case suspect(since: ContinuousClock.Instant, looks: Int)
    }

    private struct State {
        var nextLook: ContinuousClock.Instant?
        /// The verdicts on the models of the last look.
        var verdicts: [String: Verdict] = [:]
    }

    /// The shortest time from one look to the next.
    static let interval: Duration = .seconds(15)
    /// How long, and at how many looks, a usage must look like a fraction before it is logged.
    static let patience: Duration = .seconds(600)
    static let looks = 10

    private let log: Log
    private let state = Locked(State())

    init(log: Log) { self.log = log }

    /// Looks at the usages of a snapshot. Must not be called under a lock.
    func look(at series: SeriesTable<String, Double>.Series, now: ContinuousClock.Instant) {
        let found: [String] = state.withLock { state in
            if let next = state.nextLook, now < next { return [] }
            state.nextLook = now + Self.interval
            var found: [String] = []
            var verdicts: [String: Verdict] = [:]
            for position in series.values.indices {
                // The point that stands for the models beyond the limit has no name.
                guard case .string(let model) = series.attributes[position].first?.value else { continue }
                let verdict = Self.verdict(of: series.values[position], after: state.verdicts[model], now)
                if case .suspect(let since, let looks) = verdict,
                    looks >= Self.looks, since.duration(to: now) >= Self.patience
                {
                    found.append(model)
                    verdicts[model] = .fine
                } else {
                    verdicts[model] = verdict
                }
            }
            state.verdicts = verdicts
            return found
        }
        for model in found {
            log.info(
                "KV-cache usage of \(quoted(model)) has not been above 1 % for \(Self.patience.inSeconds): "
                    + "setKVCacheUsage takes percent, so multiply a share by 100"
            )
        }
    }

    private static func verdict(of usage: Double, after last: Verdict?, _ now: ContinuousClock.Instant) -> Verdict? {
        switch last {
        case .fine: return .fine
        case _ where usage > 1: return .fine
        case _ where usage <= 0: return last
        case .suspect(let since, let looks): return .suspect(since: since, looks: looks + 1)
        case nil: return .suspect(since: now, looks: 1)
        }
    }
}
