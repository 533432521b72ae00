// Waiting for things of which nobody tells.

import Foundation
import GenAISupport

/// Asks `condition` again and again until it holds, for at most `limit`.
///
/// For facts of the operating system, such as the number of threads; where an event can be waited for, wait for that.
package func eventually(within limit: Duration = .seconds(60), _ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + limit
    let never = Monitor(())
    while !condition() {
        guard ContinuousClock.now < deadline else { return false }
        let _: Void? = never.wait(until: .now + .milliseconds(2)) { _ in nil }
    }
    return true
}

/// The names of this process's threads, as Linux shows them; empty on other systems.
package func threadNames() -> [String] {
    let tasks = "/proc/self/task"
    let ids = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
    return ids.compactMap { id in
        (try? String(contentsOfFile: "\(tasks)/\(id)/comm", encoding: .utf8))?.trimmingCharacters(in: .newlines)
    }
}
