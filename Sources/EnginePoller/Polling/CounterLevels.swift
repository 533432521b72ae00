// Notices a load balancer: each poll may reach another engine.

import GenAISupport

/// Watches the token counters of one target.
///
/// After a restart, a counter falls and then rises slowly. Behind a load balancer, it returns to its former level after a few
/// polls, and falls again.
struct CounterLevels {
    private var highest = 0
    private var pollsBelow = 0
    private var pollsSinceReturn = 0
    private var returns = 0

    /// Whether the polls have turned out to reach several engines in turn. True once.
    mutating func areMixed(_ models: [ModelReading]) -> Bool {
        let counted = models.reduce(0) { sum, model in
            sum.addingAsCount(model.inputTokens ?? 0).addingAsCount(model.outputTokens ?? 0)
        }
        pollsSinceReturn += 1
        guard counted >= highest else {
            pollsBelow += 1
            return false
        }
        highest = counted
        let isReturn = (1...Self.shortly).contains(pollsBelow)
        pollsBelow = 0
        guard isReturn else { return false }
        returns = pollsSinceReturn <= Self.often ? returns + 1 : 1
        pollsSinceReturn = 0
        return returns == Self.enough
    }

    /// The most polls after which a counter that has fallen counts as returned.
    private static let shortly = 5
    /// The most polls between two returns that belong together.
    private static let often = 20
    /// The number of returns that make a load balancer. A replica that was lost for a moment returns too, but not repeatedly.
    private static let enough = 3
}
