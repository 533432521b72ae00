// From a snapshot to the text that Prometheus scrapes.

/// Encodes snapshots in the Prometheus text format, version 0.0.4 (Prometheus documentation, "Exposition formats"; names by
/// the OpenTelemetry specification, "Prometheus and OpenMetrics compatibility").
///
/// A pure function of its input. Gauges have no suffix for their unit, so that the names are those that users query.
package struct PrometheusTextEncoder: Sendable {
    /// The resource does not change: it is encoded once.
    private let targetInfo: [UInt8]

    package init(resource: Resource) {
        var writer = PrometheusTextWriter()
        writer.header("target_info", type: "gauge", help: "Attributes of the process that reports these metrics")
        writer.sample("target_info", labels: PrometheusTextWriter.encoded(Self.merged(resource.attributes)), "1")
        targetInfo = writer.bytes
    }

    /// The text, each line ended by a line feed.
    package func encode(_ snapshot: MetricSnapshot) -> String {
        var writer = PrometheusTextWriter(
            capacity: targetInfo.count + snapshot.metrics.reduce(0) { $0 + Self.size($1) }
        )
        writer.bytes += targetInfo
        for metric in snapshot.metrics { Self.append(metric, to: &writer) }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func append(_ metric: Metric, to writer: inout PrometheusTextWriter) {
        let name = name(metric)
        switch metric.data {
        case .gauge(let points):
            writer.header(name, type: "gauge", help: metric.descriptor.description)
            for point in points { writer.sample(name, point) }
        case .sum(let points, _):
            writer.header(name, type: "counter", help: metric.descriptor.description)
            for point in points { writer.sample(name, point) }
        case .histogram(let points, let bounds, _):
            writer.header(name, type: "histogram", help: metric.descriptor.description)
            let bounds = bounds.map(PrometheusTextWriter.number) + ["+Inf"]
            for point in points { writer.histogram(name, bounds, point) }
        }
    }

    private static func name(_ metric: Metric) -> String {
        let base = PrometheusTextWriter.sanitized(metric.descriptor.name)
        switch metric.data {
        case .gauge: return base
        case .sum: return base + "_total"
        case .histogram: return metric.descriptor.unit == "s" ? base + "_seconds" : base
        }
    }

    /// Attributes whose keys become the same label name share it, their values joined by `;` in the order of the keys.
    private static func merged(_ attributes: [Attribute]) -> [Attribute] {
        var result: [Attribute] = []
        for attribute in attributes.sorted(by: { $0.key < $1.key }) {
            let name = PrometheusTextWriter.sanitized(attribute.key)
            if let known = result.firstIndex(where: { $0.key == name }) {
                let joined = [result[known].value, attribute.value].map(PrometheusTextWriter.text)
                result[known].value = .string(joined.joined(separator: ";"))
            } else {
                result.append(Attribute(name, attribute.value))
            }
        }
        return result
    }

    /// In bytes, rather too much: growing the buffer would copy all that is there.
    private static func size(_ metric: Metric) -> Int {
        switch metric.data {
        case .gauge(let points), .sum(let points, _): 256 + 160 * points.count
        case .histogram(let points, let bounds, _): 256 + 192 * (bounds.count + 3) * points.count
        }
    }
}
