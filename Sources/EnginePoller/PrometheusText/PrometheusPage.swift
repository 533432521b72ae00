// Finds the metrics of all engines in a Prometheus page of any size.

import Foundation

/// The samples of certain metrics of a page in the Prometheus text format 0.0.4 or OpenMetrics 1.0.
///
/// Works on the page's bytes. A line of another metric costs a search for its end and a comparison of its name, without an
/// allocation. A malformed line is skipped. So are exemplars and timestamps. Comments only show that an engine's metrics
/// exist.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusPage {
    struct Sample {
        /// The position of its labels in ``PageLabels/sets``.
        var labels: Int
        /// The upper bound of a histogram's bucket; nil for other samples.
        var bound: Double?
        /// Always finite; samples without a finite number are skipped.
        var value: Double
    }

    let names: MetricNames
    /// By the position of their metric, in the order of the page.
    private(set) var samples: [[Sample]]
    private(set) var labels = PageLabels()
    /// By the position of the prefix, whether it occurs.
    private(set) var prefixes: [Bool]

    private typealias NamedMatch = (name: LineCursor.Bytes, match: MetricNames.Match)

    init(_ page: [UInt8], _ names: MetricNames) {
        self.names = names
        samples = [[Sample]](repeating: [], count: names.metrics.count)
        prefixes = [Bool](repeating: false, count: names.prefixCount)
        page.withUnsafeBufferPointer { read($0) }
    }

    /// The samples of a metric.
    subscript(metric: String) -> [Sample] { names.position(of: metric).map { samples[$0] } ?? [] }

    /// Whether the page has a name with this prefix.
    func hasPrefix(_ prefix: String) -> Bool { names.position(ofPrefix: prefix).map { prefixes[$0] } ?? false }

    private mutating func read(_ page: UnsafeBufferPointer<UInt8>) {
        var start = page.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
        // Samples of one metric mostly stand together.
        var last: NamedMatch?
        while start < page.count {
            let end = Self.endOfLine(in: page, from: start)
            let isBeforeReturn = end > start && page[end - 1] == .carriageReturn
            var cursor = LineCursor(UnsafeBufferPointer(rebasing: page[start..<(isBeforeReturn ? end - 1 : end)]))
            start = end + 1
            cursor.skipBlanks()
            let isComment = cursor.current == .hash
            if isComment, !cursor.take(Self.typeComment), !cursor.take(Self.helpComment) { continue }
            let (name, match) = readName(&cursor, last)
            last = (name, match)
            if let prefix = match.prefix { prefixes[prefix] = true }
            if !isComment { readSample(match.metric, &cursor) }
        }
        labels.forgetBytes()
    }

    private func readName(_ cursor: inout LineCursor, _ last: NamedMatch?) -> NamedMatch {
        if let last {
            var end = cursor
            if end.take(last.name), Self.endsName(end.current) {
                cursor = end
                return last
            }
        }
        let start = cursor.position
        cursor.advance(to: Self.endsName)
        let name = cursor.bytes(from: start)
        return (name, names.match(name))
    }

    private mutating func readSample(_ metric: Int?, _ cursor: inout LineCursor) {
        guard let metric, let (set, bound) = labels.take(&cursor), let value = Self.takeValue(&cursor),
            Self.isRestWellFormed(&cursor)
        else { return }
        // A histogram has some twenty buckets for each replica; most other metrics have one sample for each.
        if samples[metric].isEmpty { samples[metric].reserveCapacity(bound == nil ? 2 : 48) }
        samples[metric].append(Sample(labels: set, bound: bound, value: value))
    }

    private static func endsName(_ byte: UInt8) -> Bool { byte == .leftBrace || byte == .space || byte == .tab }

    private static func endsName(_ byte: UInt8?) -> Bool { byte.map(endsName) ?? true }

    private static func endOfLine(in page: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = page.baseAddress,
            let found = memchr(base + start, Int32(UInt8.lineFeed), page.count - start)
        else { return page.count }
        return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
    }

    /// A finite number; nil for `NaN`, `+Inf` and anything else.
    private static func takeValue(_ cursor: inout LineCursor) -> Double? {
        cursor.skipBlanks()
        return PrometheusNumber.read(cursor.takeWord()).flatMap { $0.isFinite ? $0 : nil }
    }

    /// Whether the rest is empty, a timestamp, an exemplar, or both. If it is anything else, the value may be damaged too.
    private static func isRestWellFormed(_ cursor: inout LineCursor) -> Bool {
        cursor.skipBlanks()
        if let next = cursor.current, next != .hash {
            guard PrometheusNumber.read(cursor.takeWord()) != nil else { return false }
            cursor.skipBlanks()
        }
        return cursor.current == nil || cursor.current == .hash
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let typeComment = Array("# TYPE ".utf8)
    private static let helpComment = Array("# HELP ".utf8)
}
