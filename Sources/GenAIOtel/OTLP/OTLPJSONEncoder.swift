// From a snapshot to the body of an OTLP/HTTP request in JSON.

/// Encodes snapshots as `ExportMetricsServiceRequest` in OTLP's JSON (OTLP specification 1.x, "JSON Protobuf Encoding").
///
/// A pure function of its input: no clock, no I/O.
package struct OTLPJSONEncoder: Sendable {
    /// The instrumentation scope of every metric.
    package static let scopeName = "genai.server"

    /// Resource and scope do not change: they are encoded once.
    private let head: [UInt8]

    package init(resource: Resource) {
        var writer = JSONWriter()
        writer.raw(#"{"resourceMetrics":[{"resource":{"#)
        writer.attributes(resource.attributes)
        writer.raw(#"},"scopeMetrics":[{"scope":{"name":"#)
        writer.string(Self.scopeName)
        writer.raw(#","version":"#)
        writer.string(PackageInfo.version)
        writer.raw(#"},"metrics":["#)
        head = writer.bytes
    }

    /// The request's body. The snapshot must hold at least one metric.
    package func encode(_ snapshot: MetricSnapshot) -> [UInt8] {
        // A point with one attribute takes about 150 bytes; growing the buffer would copy all that is there.
        var writer = JSONWriter(capacity: head.count + 512 * snapshot.metrics.count + 160 * snapshot.pointCount)
        writer.raw(head)
        writer.list(snapshot.metrics) { $0.metric($1, time: snapshot.time) }
        writer.raw("]}]}]}")
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func metric(_ metric: Metric, time: UInt64) {
        raw(#"{"name":"#)
        string(metric.descriptor.name)
        raw(#","description":"#)
        string(metric.descriptor.description)
        if !metric.descriptor.unit.isEmpty {
            raw(#","unit":"#)
            string(metric.descriptor.unit)
        }
        raw(#","gauge":{"dataPoints":["#)
        list(metric.points) { $0.point($1, time: time) }
        raw("]}}")
    }

    fileprivate mutating func point(_ point: NumberPoint, time: UInt64) {
        raw("{")
        if !point.attributes.isEmpty {
            attributes(point.attributes)
            raw(",")
        }
        raw(#""timeUnixNano":"#)
        quotedInteger(time)
        switch point.value {
        case .int(let value):
            raw(#","asInt":"#)
            quotedInteger(value)
        case .double(let value):
            raw(#","asDouble":"#)
            double(value)
        }
        raw("}")
    }

    fileprivate mutating func attributes(_ attributes: [Attribute]) {
        raw(#""attributes":["#)
        list(attributes) { writer, attribute in
            writer.raw(#"{"key":"#)
            writer.string(attribute.key)
            writer.raw(#","value":{"#)
            writer.value(attribute.value)
            writer.raw("}}")
        }
        raw("]")
    }

    private mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text):
            raw(#""stringValue":"#)
            string(text)
        case .int(let number):
            raw(#""intValue":"#)
            quotedInteger(number)
        case .bool(let flag):
            raw(#""boolValue":"#)
            raw(flag ? "true" : "false")
        }
    }
}
