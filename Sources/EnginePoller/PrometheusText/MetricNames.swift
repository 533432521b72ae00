// The names to look for on a page, as they are in the wild.

/// Metrics and prefixes of engines, found whatever happened to their names on the way.
///
/// Prometheus and its relatives turn a colon into an underscore, and Ray puts `ray_` in front. So names are compared without
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
    private let positions: [ByteKey: Int]
    private let metricPositions: [String: Int]
    private let prefixes: [[UInt8]]
    private let prefixPositions: [String: Int]
    /// The positions of the prefixes by their first byte: most names have none of them.
    private let prefixesByFirst: [[Int]]

    /// - Parameters:
    ///   - metrics: full names, with underscores.
    ///   - prefixes: what an engine's names begin with, likewise.
    init(metrics: [String], prefixes: [String]) {
        self.metrics = metrics
        positions = Self.positions(metrics.map { ByteKey(bytes: Array($0.utf8)) })
        metricPositions = Self.positions(metrics)
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

    var prefixCount: Int { prefixes.count }

    func position(ofPrefix prefix: String) -> Int? { prefixPositions[prefix] }

    func position(of metric: String) -> Int? { metricPositions[metric] }

    /// - Parameter scratch: room for the name, so that none is made for each.
    func match(_ name: LineCursor.Bytes, _ scratch: inout ByteKey) -> Match {
        scratch.bytes.removeAll(keepingCapacity: true)
        scratch.bytes.append(contentsOf: name)
        for index in scratch.bytes.indices where scratch.bytes[index] == .colon { scratch.bytes[index] = .underscore }
        if scratch.bytes.starts(with: Self.ray) { scratch.bytes.removeFirst(Self.ray.count) }
        guard let first = scratch.bytes.first else { return Match(metric: positions[scratch]) }
        return Match(
            metric: positions[scratch],
            prefix: prefixesByFirst[Int(first)].first { scratch.bytes.starts(with: prefixes[$0]) }
        )
    }

    private static let ray = Array("ray_".utf8)
}

/// Bytes to look up. They are hashed together; an array hashes its bytes one by one, which takes longer than all the rest.
struct ByteKey: Hashable, Sendable {
    var bytes: [UInt8] = []

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
