// Notices that a page is another engine's each time.

import GenAISupport

/// Watches what one target's page counts.
///
/// A restart lets a counter fall, and it rises slowly from there. Behind a load balancer it has its former level again after
/// a few polls, and falls again.
struct CounterLevels {
    private var highest = 0
    private var pollsBelow = 0
    private var pollsSinceReturn = 0
    private var returns = 0

    /// Whether the page has turned out to be that of several engines by turns; true once.
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

    /// In polls.
    private static let shortly = 5
    private static let often = 20
    /// A replica that was lost for a moment returns, too, but not again and again.
    private static let enough = 3
}
