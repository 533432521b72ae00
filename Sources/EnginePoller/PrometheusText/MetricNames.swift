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
    private let positions: [[UInt8]: Int]
    private let metricPositions: [String: Int]
    private let prefixes: [[UInt8]]
    private let prefixPositions: [String: Int]

    /// - Parameters:
    ///   - metrics: full names, with underscores.
    ///   - prefixes: what an engine's names begin with, likewise.
    init(metrics: [String], prefixes: [String]) {
        self.metrics = metrics
        positions = Self.positions(metrics.map { Array($0.utf8) })
        metricPositions = Self.positions(metrics)
        self.prefixes = prefixes.map { Array($0.utf8) }
        prefixPositions = Self.positions(prefixes)
    }

    private static func positions<Name: Hashable>(_ names: [Name]) -> [Name: Int] {
        Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func position(ofPrefix prefix: String) -> Int? { prefixPositions[prefix] }

    func position(of metric: String) -> Int? { metricPositions[metric] }

    /// - Parameter scratch: room for the name, so that none is made for each.
    func match(_ name: LineCursor.Bytes, _ scratch: inout [UInt8]) -> Match {
        scratch.removeAll(keepingCapacity: true)
        for byte in name { scratch.append(byte == .colon ? .underscore : byte) }
        if scratch.starts(with: Self.ray) { scratch.removeFirst(Self.ray.count) }
        return Match(metric: positions[scratch], prefix: prefixes.firstIndex { scratch.starts(with: $0) })
    }

    private static let ray = Array("ray_".utf8)
}
