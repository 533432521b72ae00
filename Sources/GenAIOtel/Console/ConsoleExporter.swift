// Prints snapshots for people to read.

import Foundation

/// Writes one block of text per export to standard output. A paused terminal or an unread pipe blocks its thread;
/// exports beyond the limits are then dropped silently.
struct ConsoleExporter: SnapshotExporter {
    let limits = ExportQueue.Limits(exports: 8, bytes: 16 * 1024 * 1024)
    private let serviceName: String
    private let write: @Sendable ([UInt8]) throws -> Void

    init(
        serviceName: String,
        write: @escaping @Sendable ([UInt8]) throws -> Void = { text in
            try BrokenPipeSignal.ignored { try FileHandle.standardOutput.write(contentsOf: Data(text)) }
        }
    ) {
        self.serviceName = serviceName
        self.write = write
    }

    var place: String { "the console" }
    var requestsSent: Int { 0 }

    func encode(_ snapshot: MetricSnapshot, number: Int) -> EncodedSnapshot {
        let text = Self.text(snapshot, serviceName: serviceName)
        let export = Export(number: number, time: snapshot.time, body: Array(text.utf8), points: snapshot.pointCount)
        return EncodedSnapshot(exports: [export])
    }

    /// A block is one write, so that the application's output does not interrupt it.
    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome {
        (try? write(export.body)) == nil ? .refused : .delivered(rejectedPoints: 0)
    }

    func dropped(_ exports: [Export], because reason: String) {}

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
        case .gauge(let points), .sum(let points, _), .upDownSum(let points):
            points.map { ($0.attributes, value($0.value)) }
        case .histogram(let points, _), .exponentialHistogram(let points, _): points.map { ($0.attributes, value($0)) }
        }
    }

    /// Without the buckets: they are too many to read.
    private static func value(_ point: HistogramPoint) -> String {
        let range = point.range.map { ", min \(rounded($0.lowerBound)), max \(rounded($0.upperBound))" } ?? ""
        let mean = point.count > 0 ? ", mean \(rounded(point.sum / Double(point.count)))" : ""
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
        case .double(let number): "\(rounded(number))"
        }
    }

    /// With three decimals, or four significant digits: enough to read.
    private static func rounded(_ number: Double) -> Double {
        let magnitude = abs(number)
        guard magnitude.isFinite, magnitude > 0, magnitude < 1e12 else { return number }
        let digits = magnitude >= 1 ? 3 : 3 - Int(log10(magnitude).rounded(.down))
        guard digits <= 15 else { return number }
        let scale = pow(10, Double(digits))
        return (number * scale).rounded() / scale
    }
}
