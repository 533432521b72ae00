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
        var writer = JSONWriter(capacity: head.count + snapshot.metrics.reduce(0) { $0 + Self.estimatedSize($1) })
        writer.raw(head)
        writer.list(snapshot.metrics) { $0.metric($1, time: snapshot.time) }
        writer.raw("]}]}]}")
        return writer.bytes
    }

    /// In bytes, rather too much: growing the buffer would copy all that is there.
    private static func estimatedSize(_ metric: Metric) -> Int {
        switch metric.data {
        case .gauge(let points): 512 + 160 * points.count
        case .sum(let points, _): 512 + 320 * points.count
        case .histogram(let points, let bounds, _): 512 + (480 + 16 * bounds.count) * points.count
        }
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
        switch metric.data {
        case .gauge(let points):
            raw(#","gauge":{"dataPoints":["#)
            list(points) { $0.point($1, start: nil, time: time) }
        case .sum(let points, let accumulation):
            raw(#","sum":{"isMonotonic":true,"#)
            temporality(accumulation.temporality)
            raw(#","dataPoints":["#)
            list(points) { $0.point($1, start: accumulation.start, time: time) }
        case .histogram(let points, let bounds, let accumulation):
            raw(#","histogram":{"#)
            temporality(accumulation.temporality)
            raw(#","dataPoints":["#)
            // The same for every point: written once.
            var encodedBounds = JSONWriter()
            encodedBounds.list(bounds) { $0.double($1) }
            list(points) { $0.point($1, bounds: encodedBounds.bytes, start: accumulation.start, time: time) }
        }
        raw("]}}")
    }

    private mutating func temporality(_ temporality: Accumulation.Temporality) {
        raw(#""aggregationTemporality":"#)
        switch temporality {
        case .delta: raw("1")
        case .cumulative: raw("2")
        }
    }

    private mutating func point(_ point: NumberPoint, start: UInt64?, time: UInt64) {
        beginPoint(point.attributes, start: start, time: time)
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

    private mutating func point(_ point: HistogramPoint, bounds: [UInt8], start: UInt64, time: UInt64) {
        beginPoint(point.attributes, start: start, time: time)
        raw(#","count":"#)
        quotedInteger(point.count)
        raw(#","sum":"#)
        double(point.sum)
        raw(#","bucketCounts":["#)
        list(point.bucketCounts) { $0.quotedInteger($1) }
        raw(#"],"explicitBounds":["#)
        raw(bounds)
        raw("]")
        if let range = point.range {
            raw(#","min":"#)
            double(range.lowerBound)
            raw(#","max":"#)
            double(range.upperBound)
        }
        raw("}")
    }

    /// What all kinds of points begin with.
    private mutating func beginPoint(_ attributes: [Attribute], start: UInt64?, time: UInt64) {
        raw("{")
        if !attributes.isEmpty {
            self.attributes(attributes)
            raw(",")
        }
        if let start {
            raw(#""startTimeUnixNano":"#)
            quotedInteger(start)
            raw(",")
        }
        raw(#""timeUnixNano":"#)
        quotedInteger(time)
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
