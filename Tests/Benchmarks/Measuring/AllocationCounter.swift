// How many allocations a piece of code makes.

import AllocationCount

enum AllocationCounter {
    /// The number of allocations on this thread while `body` runs; nil where they are not counted.
    static func count(during body: () -> Void) -> Int? {
        let before = allocation_count()
        guard before >= 0 else { return nil }
        body()
        return Int(allocation_count() - before)
    }
}
