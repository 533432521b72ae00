// The values of one metric by key, laid out so that snapshots hardly delay writers.

/// Values by key, with a limit and one slot that all keys beyond it share.
///
/// The index from key to position changes only when a series comes or goes, and a snapshot does not take it.
struct SeriesTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The part that a snapshot copies: the attributes of each series, made once, and its value.
    struct Series: Sendable {
        fileprivate(set) var attributes = PagedArray<[Attribute]>()
        fileprivate(set) var values = PagedArray<Value>()
    }

    private(set) var series = Series()
    private var index: [Key: Int]
    /// The key of each slot; nil for the overflow slot.
    private var keys = PagedArray<Key?>()
    /// The position of the slot that all keys beyond the limit share; nil until a key needs it.
    private(set) var overflowPosition: Int?
    private let limit: Int

    /// - Parameter limit: the number of keys that get a slot of their own; at least 1.
    init(limit: Int) {
        self.limit = max(limit, 1)
        // A growing index moves every key while request handlers wait. Memory that is not used yet costs nothing.
        index = Dictionary(minimumCapacity: min(self.limit, 4_096))
    }

    /// The value at a position that ``position(of:initial:attributes:)`` has given.
    subscript(position: Int) -> Value {
        _read { yield series.values[position] }
        _modify { yield &series.values[position] }
    }

    /// The position of a key that has a slot of its own.
    func knownPosition(of key: Key) -> Int? { index[key] }

    /// The position of a key. It stays the same until a key is removed. A new key gets a slot that holds `initial`; beyond the
    /// limit, it gets ``overflowPosition``.
    mutating func position(of key: Key, initial: Value, attributes: (Key) -> [Attribute]) -> Int {
        if let known = knownPosition(of: key) { return known }
        guard index.count < limit else { return sharedPosition(initial: initial) }
        let new = append(key, initial, attributes(key))
        index[key] = new
        return new
    }

    /// The position of the slot that all keys beyond the limit share; it holds `initial` the first time.
    mutating func sharedPosition(initial: Value) -> Int {
        if let overflowPosition { return overflowPosition }
        let new = append(nil, initial, [.overflow])
        overflowPosition = new
        return new
    }

    /// Forgets a key; the last slot takes the place that becomes free.
    mutating func remove(_ key: Key) {
        guard let hole = index.removeValue(forKey: key) else { return }
        let last = keys.count - 1
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
        return keys.count - 1
    }
}

extension SeriesTable.Series {
    /// One point for each series.
    func points(_ point: ([Attribute], Value) -> NumberPoint) -> [NumberPoint] {
        values.indices.map { point(attributes[$0], values[$0]) }
    }
}
