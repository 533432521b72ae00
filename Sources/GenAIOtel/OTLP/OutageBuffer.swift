// Exports that wait for the collector: for their turn, or until it is back.

/// Encoded exports, oldest first, within a limit of number and size.
///
/// A pure value. The export that is being sent is taken out, so that it can't be dropped under way, and is put back if
/// the collector may take it later.
struct OutageBuffer: Sendable {
    /// One snapshot, ready to be sent.
    struct Entry: Sendable, Equatable {
        /// Rises from entry to entry.
        var number: Int
        /// The snapshot's time, in nanoseconds since 1970-01-01 UTC.
        var time: UInt64
        /// The request's body.
        var body: [UInt8]
        /// Number of points in it.
        var points: Int
    }

    /// The entries that are kept for later, at most; 0 for none.
    let entryLimit: Int
    /// The size that they have together, at most, in bytes.
    let byteLimit: Int

    private(set) var entries: [Entry] = []
    private(set) var byteCount = 0

    init(entryLimit: Int, byteLimit: Int) {
        self.entryLimit = entryLimit
        self.byteLimit = byteLimit
    }

    /// Adds the newest entry. It is there to be sent once, whatever the limits are.
    ///
    /// - Returns: the oldest entries, which had to go for it.
    mutating func append(_ entry: Entry) -> [Entry] {
        entries.append(entry)
        byteCount += entry.body.count
        return trim()
    }

    /// Takes out the oldest entry, if its number is at most `last`.
    mutating func takeFirst(upTo last: Int) -> Entry? {
        guard let first = entries.first, first.number <= last else { return nil }
        return removeFirst()
    }

    /// Keeps an entry that was taken out and could not be delivered.
    ///
    /// - Returns: the entries that there is no room for, oldest first.
    mutating func putBack(_ entry: Entry) -> [Entry] {
        guard entryLimit > 0, entry.body.count <= byteLimit else { return [entry] }
        entries.insert(entry, at: 0)
        byteCount += entry.body.count
        return trim()
    }

    /// Takes out all that is left.
    mutating func removeAll() -> [Entry] {
        defer {
            entries = []
            byteCount = 0
        }
        return entries
    }

    /// Drops the oldest entries beyond the limits, but never the newest, which has not been tried.
    private mutating func trim() -> [Entry] {
        var dropped: [Entry] = []
        while entries.count > max(entryLimit, 1) || (byteCount > byteLimit && entries.count > 1) {
            dropped.append(removeFirst())
        }
        return dropped
    }

    private mutating func removeFirst() -> Entry {
        let entry = entries.removeFirst()
        byteCount -= entry.body.count
        return entry
    }
}
