// The names to look for on a page, in all the forms in which they occur.

/// Metrics and prefixes of engines, found even if their names were changed on the way.
///
/// Prometheus and similar programs turn a colon into an underscore, and Ray puts `ray_` in front. So names are compared without
/// that prefix, and a colon counts as an underscore.
struct MetricNames: Sendable {
    /// A name that occurs on a page.
    struct Match {
        /// The position of the metric; nil if it was not asked for.
        var metric: Int?
        /// The position of the prefix that the name has.
        var prefix: Int?
    }

    /// The names as they were asked for.
    let metrics: [String]
    private let positions: [String: Int]
    private let bytes: [[UInt8]]
    /// A hash table of the positions of the metrics; -1 is a free slot. A name whose slot is taken stands in the next free one.
    /// Only the engines' names are in it, so no page can make it slow.
    private let table: [Int]
    private let prefixes: [[UInt8]]
    private let prefixPositions: [String: Int]
    /// The positions of the prefixes by their first byte, because most names have no prefix.
    private let prefixesByFirst: [[Int]]

    /// - Parameters:
    ///   - metrics: full names, with underscores.
    ///   - prefixes: what an engine's names begin with, likewise.
    init(metrics: [String], prefixes: [String]) {
        self.metrics = metrics
        positions = Self.positions(metrics)
        bytes = metrics.map { Array($0.utf8) }
        table = Self.table(bytes)
        self.prefixes = prefixes.map { Array($0.utf8) }
        prefixPositions = Self.positions(prefixes)
        var byFirst = [[Int]](repeating: [], count: 256)
        for (position, prefix) in self.prefixes.enumerated() {
            if let first = prefix.first { byFirst[Int(first)].append(position) }
        }
        prefixesByFirst = byFirst
    }

    private static func positions<Name: Hashable>(_ names: [Name]) -> [Name: Int] {
        Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func table(_ names: [[UInt8]]) -> [Int] {
        // A power of two, mostly empty.
        var table = [Int](repeating: -1, count: 8 << (Int.bitWidth - names.count.leadingZeroBitCount))
        for (position, name) in names.enumerated() {
            var slot = name.withUnsafeBufferPointer { hash($0[...]) } & (table.count - 1)
            while table[slot] >= 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = position
        }
        return table
    }

    /// Hashes the length and the end, because names of one engine begin alike.
    private static func hash(_ name: LineCursor.Bytes) -> Int {
        var hash = UInt32(truncatingIfNeeded: name.count)
        for byte in name.suffix(16) { hash = (hash ^ UInt32(withUnderscore(byte))) &* 16_777_619 }
        return Int(hash ^ hash >> 15)
    }

    private static func withUnderscore(_ byte: UInt8) -> UInt8 { byte == .colon ? .underscore : byte }

    private static func begins(_ name: LineCursor.Bytes, with beginning: [UInt8]) -> Bool {
        guard name.count >= beginning.count else { return false }
        var position = name.startIndex
        for byte in beginning {
            guard withUnderscore(name[position]) == byte else { return false }
            position += 1
        }
        return true
    }

    var prefixCount: Int { prefixes.count }

    func position(ofPrefix prefix: String) -> Int? { prefixPositions[prefix] }

    func position(of metric: String) -> Int? { positions[metric] }

    func match(_ name: LineCursor.Bytes) -> Match {
        let name = Self.begins(name, with: Self.ray) ? name.dropFirst(Self.ray.count) : name
        guard let first = name.first else { return Match() }
        return Match(
            metric: metric(name),
            prefix: prefixesByFirst[Int(first)].first { Self.begins(name, with: prefixes[$0]) }
        )
    }

    private func metric(_ name: LineCursor.Bytes) -> Int? {
        var slot = Self.hash(name) & (table.count - 1)
        while table[slot] >= 0 {
            let known = bytes[table[slot]]
            if known.count == name.count, Self.begins(name, with: known) { return table[slot] }
            slot = (slot + 1) & (table.count - 1)
        }
        return nil
    }

    private static let ray = Array("ray_".utf8)
}

/// Bytes to look up. They are hashed all at once: an array hashes its bytes one by one, which would take longer than the rest.
struct ByteKey: Hashable, Sendable {
    var bytes: [UInt8] = []

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
