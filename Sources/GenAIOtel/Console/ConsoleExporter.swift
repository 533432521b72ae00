// Prints snapshots for people to read.

import Foundation

/// Writes one block of text per export to standard output, which may keep its thread waiting: a terminal that is held, or
/// a pipe that nobody reads.
struct ConsoleExporter: SnapshotExporter {
    private struct State {
        var waiting: [MetricSnapshot] = []
        var statistics = ExportStatistics()
        /// Whether something was dropped since the last delivery began.
        var hasLost = false
    }

    /// How many snapshots may wait to be written; then the oldest is dropped.
    private static let waitingLimit = 8

    private let state = Locked(State())
    private let serviceName: String
    private let write: @Sendable (String) throws -> Void

    init(
        serviceName: String,
        write: @escaping @Sendable (String) throws -> Void = { text in
            try BrokenPipeSignal.ignored { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) }
        }
    ) {
        self.serviceName = serviceName
        self.write = write
    }

    func accept(_ snapshot: MetricSnapshot) {
        state.withLock { state in
            state.waiting.append(snapshot)
            guard state.waiting.count > Self.waitingLimit else { return }
            state.statistics.countDropped(points: state.waiting.removeFirst().pointCount)
            state.hasLost = true
        }
    }

    func deliver(deadline: ContinuousClock.Instant, cancellation: Cancellation) -> Bool {
        var (waiting, isComplete) = state.withLock { state in
            defer {
                state.waiting = []
                state.hasLost = false
            }
            return (state.waiting[...], !state.hasLost)
        }
        while let snapshot = waiting.popFirst() {
            // A block is one write, so that it stays together among the application's own output.
            let isWritten = (try? write(Self.text(snapshot, serviceName: serviceName))) != nil
            isComplete = isComplete && isWritten
            state.withLock { state in
                if isWritten {
                    state.statistics.countDelivered(points: snapshot.pointCount, rejected: 0)
                } else {
                    state.statistics.countDropped(points: snapshot.pointCount)
                }
            }
        }
        return isComplete
    }

    var statistics: ExportStatistics { state.withLock { $0.statistics } }

    func close() {}

    /// One line per point: name, attributes, value, unit.
    static func text(_ snapshot: MetricSnapshot, serviceName: String) -> String {
        let date = Date(timeIntervalSince1970: Double(snapshot.time) / 1e9)
        var text = "Metrics of \(escapingControlCharacters(serviceName)) at \(date.formatted(.iso8601))\n"
        for metric in snapshot.metrics {
            let unit = metric.descriptor.unit.isEmpty ? "" : " \(metric.descriptor.unit)"
            for (pointAttributes, value) in lines(metric.data) {
                text += "  \(metric.descriptor.name)\(attributes(pointAttributes)) \(value)\(unit)\n"
            }
        }
        return text
    }

    private static func lines(_ data: MetricData) -> [([Attribute], String)] {
        switch data {
        case .gauge(let points), .sum(let points, _): points.map { ($0.attributes, value($0.value)) }
        case .histogram(let points, _): points.map { ($0.attributes, value($0)) }
        }
    }

    /// The buckets would be more than a person reads.
    private static func value(_ point: HistogramPoint) -> String {
        let range = point.range.map { ", min \($0.lowerBound), max \($0.upperBound)" } ?? ""
        let mean = point.count > 0 ? ", mean \(point.sum / Double(point.count))" : ""
        return "count \(point.count)\(mean)\(range)"
    }

    private static func attributes(_ attributes: [Attribute]) -> String {
        guard !attributes.isEmpty else { return "" }
        return "{\(attributes.map { "\($0.key)=\(value($0.value))" }.joined(separator: ", "))}"
    }

    private static func value(_ value: AttributeValue) -> String {
        switch value {
        case .string(let text): quoted(text, limit: Attribute.longestValue)
        case .int(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        }
    }

    private static func value(_ value: NumberValue) -> String {
        switch value {
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        }
    }
}
