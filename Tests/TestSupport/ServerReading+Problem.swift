// Comparing readings of servers that are down.

import GenAISupport

extension ServerReading {
    /// The reading without the reason, for tests of everything else.
    package var withoutProblem: ServerReading {
        var result = self
        result.problem = nil
        return result
    }
}
