// Prints snapshots for people to read.

import Foundation

/// Writes one block of text per export to standard output.
struct ConsoleExporter: SnapshotExporter {
    private let serviceName: String
    private let write: @Sendable (String) throws -> Void

    init(
        serviceName: String,
        write: @escaping @Sendable (String) throws -> Void = { text in
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        }
    ) {
        self.serviceName = serviceName
        self.write = write
    }

    func export(
        _ snapshot: MetricSnapshot,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> ExportResult {
        // A block is one write, so that it stays together among the application's own output.
        let isWritten = (try? write(Self.text(snapshot, serviceName: serviceName))) != nil
        return ExportResult(isDelivered: isWritten)
    }

    func close() {}

    /// One line per point: name, attributes, value, unit.
    static func text(_ snapshot: MetricSnapshot, serviceName: String) -> String {
        let date = Date(timeIntervalSince1970: Double(snapshot.time) / 1e9)
        var text = "Metrics of \(escapingControlCharacters(serviceName)) at \(date.formatted(.iso8601))\n"
        for metric in snapshot.metrics {
            for point in metric.points {
                let unit = metric.descriptor.unit
                text += "  \(metric.descriptor.name)\(attributes(point.attributes)) \(value(point.value))"
                text += unit.isEmpty ? "\n" : " \(unit)\n"
            }
        }
        return text
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
