// The values of one metric by key, laid out so that a snapshot is cheap for those who write.

/// Values by key, with a limit and one slot that all keys beyond it share.
///
/// An index that changes only when a series comes or goes stands beside flat arrays. A snapshot shares them all; the
/// first write after it copies the values, one `memcpy`, and not the dictionary, which would rehash every key. Keys that
/// come again are mostly found by ``PositionHints``, without the dictionary.
struct SeriesTable<Key: SeriesKey, Value: Sendable>: Sendable {
    /// Where a key's value is kept.
    enum Slot: Equatable {
        case own(Int)
        /// The shared slot; `isFirst` when this key was the first to need it.
        case overflow(Int, isFirst: Bool)

        var isFirstOverflow: Bool {
            if case .overflow(_, let isFirst) = self { isFirst } else { false }
        }

        /// Stays the same until a key is removed.
        var position: Int {
            switch self {
            case .own(let position), .overflow(let position, _): position
            }
        }
    }

    /// What a snapshot takes: the attributes of each series, made once, and its value.
    struct Series: Sendable {
        fileprivate(set) var attributes: [[Attribute]] = []
        fileprivate(set) var values: [Value] = []
    }

    private(set) var series = Series()
    private var index: [Key: Int] = [:]
    private var hints = PositionHints()
    /// The key of each slot; nil for the overflow slot.
    private var keys: [Key?] = []
    /// The position of the shared slot; nil until a key needs it.
    private(set) var overflowPosition: Int?
    private let limit: Int

    /// - Parameter limit: the number of keys that get a slot of their own; at least 1.
    init(limit: Int) {
        self.limit = max(limit, 1)
    }

    /// The keys that have a slot of their own, with their values.
    var entries: [Key: Value] { index.mapValues { series.values[$0] } }

    /// The value in a slot that ``slot(for:initial:attributes:)`` has just given.
    subscript(slot: Slot) -> Value {
        _read { yield series.values[slot.position] }
        _modify { yield &series.values[slot.position] }
    }

    /// The value at a slot's position.
    subscript(position: Int) -> Value {
        _read { yield series.values[position] }
        _modify { yield &series.values[position] }
    }

    /// The slot of a key; a new one, holding `initial`, if the key is new and the limit allows it.
    mutating func slot(for key: Key, initial: Value, attributes: (Key) -> [Attribute]) -> Slot {
        let hash = key.quickHash
        if let hinted = hintedPosition(hash, where: { $0 == key }) { return .own(hinted) }
        if let known = index[key] {
            hints.note(known, for: hash, keys: index.count)
            return .own(known)
        }
        if index.count < limit {
            let new = append(key, initial, attributes(key))
            index[key] = new
            hints.note(new, for: hash, keys: index.count)
            return .own(new)
        }
        return overflowSlot(initial: initial)
    }

    /// The position of a key that was looked up before, mostly; nil if the key must be looked up.
    ///
    /// - Parameter isKey: whether it is the one that has the quick hash.
    @inline(__always)
    func hintedPosition(_ hash: UInt64, where isKey: (Key) -> Bool) -> Int? {
        keys.withUnsafeBufferPointer { keys in
            hints.position(hash) { position in
                // A hint from before a removal may point beyond the end.
                guard position < keys.count, let key = keys[position] else { return false }
                return isKey(key)
            }
        }
    }

    /// The slot that all keys beyond the limit share; a new one, holding `initial`, the first time.
    mutating func overflowSlot(initial: Value) -> Slot {
        if let overflowPosition { return .overflow(overflowPosition, isFirst: false) }
        let new = append(nil, initial, [.overflow])
        overflowPosition = new
        return .overflow(new, isFirst: true)
    }

    /// Forgets a key; the last slot takes the place that becomes free.
    mutating func remove(_ key: Key) {
        guard let hole = index.removeValue(forKey: key) else { return }
        let last = series.values.count - 1
        if hole != last {
            series.values[hole] = series.values[last]
            series.attributes[hole] = series.attributes[last]
            keys[hole] = keys[last]
            if let moved = keys[hole] { index[moved] = hole } else { overflowPosition = hole }
        }
        series.values.removeLast()
        series.attributes.removeLast()
        keys.removeLast()
    }

    private mutating func append(_ key: Key?, _ value: Value, _ attributes: [Attribute]) -> Int {
        keys.append(key)
        series.values.append(value)
        series.attributes.append(attributes)
        return series.values.count - 1
    }
}
