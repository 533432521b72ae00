// Encodes a snapshot as the JSON body of an OTLP/HTTP request.

/// Encodes snapshots as `ExportMetricsServiceRequest` in OTLP's JSON (OTLP specification 1.x, "JSON Protobuf
/// Encoding").
///
/// A pure function of its input: no clock, no I/O.
package struct OTLPJSONEncoder: Sendable {
    /// The resource, which does not change, is encoded once.
    private let head: [UInt8]

    package init(resource: Resource) {
        head = TextWriter.bytes(capacity: 4_096) { writer in
            writer.append(#"{"resourceMetrics":[{"resource":{"#)
            writer.attributes(resource.attributes)
            writer.append(#"},"scopeMetrics":["#)
        }
    }

    /// The request's body. The snapshot must hold at least one metric.
    package func encode(_ snapshot: MetricSnapshot) -> [UInt8] {
        let size = head.count + snapshot.metrics.reduce(64) { $0 + Self.estimatedSize($1) }
        return TextWriter.bytes(capacity: size) { writer in
            writer.append(head)
            writer.list(snapshot.scopes) { writer, scope in
                writer.append(#"{"scope":{"name":"#)
                writer.jsonString(scope.scope.name)
                writer.append(#","version":"#)
                writer.jsonString(PackageInfo.version)
                writer.append(#"},"metrics":["#)
                writer.list(scope.metrics) { $0.metric($1, time: snapshot.time) }
                writer.append("]}")
            }
            writer.append("]}]}")
        }
    }

    /// In bytes, rather too many than too few: if there are too few, everything is encoded twice.
    private static func estimatedSize(_ metric: Metric) -> Int {
        switch metric.data {
        case .gauge(let points): 512 + 160 * points.count
        case .sum(let points, _), .upDownSum(let points): 512 + 320 * points.count
        case .histogram(let points, _):
            points.reduce(512) { $0 + 480 + 40 * $1.bounds.count + 160 * $1.exemplars.count }
        case .exponentialHistogram(let points, _):
            points.reduce(512) { $0 + 640 + 8 * ($1.exponential?.counts.count ?? 0) + 160 * $1.exemplars.count }
        }
    }
}

extension TextWriter {
    fileprivate mutating func metric(_ metric: borrowing Metric, time: UInt64) {
        append(#"{"name":"#)
        jsonString(metric.descriptor.name)
        append(#","description":"#)
        jsonString(metric.descriptor.description)
        if !metric.descriptor.unit.isEmpty {
            append(#","unit":"#)
            jsonString(metric.descriptor.unit)
        }
        switch metric.data {
        case .gauge(let points):
            append(#","gauge":{"dataPoints":["#)
            numberPoints(points, time)
        case .sum(let points, let temporality):
            append(#","sum":{"isMonotonic":true,"#)
            self.temporality(temporality)
            append(#","dataPoints":["#)
            numberPoints(points, time)
        case .upDownSum(let points):
            append(#","sum":{"#)
            self.temporality(.cumulative)
            append(#","dataPoints":["#)
            numberPoints(points, time)
        case .histogram(let points, let temporality):
            append(#","histogram":{"#)
            self.temporality(temporality)
            append(#","dataPoints":["#)
            histogramPoints(points, time)
        case .exponentialHistogram(let points, let temporality):
            append(#","exponentialHistogram":{"#)
            self.temporality(temporality)
            append(#","dataPoints":["#)
            exponentialPoints(points, time)
        }
        append("]}}")
    }

    private mutating func temporality(_ temporality: Temporality) {
        append(#""aggregationTemporality":"#)
        switch temporality {
        case .delta: append("1")
        case .cumulative: append("2")
        }
    }

    private mutating func numberPoints(_ points: [NumberPoint], _ time: UInt64) {
        var times = Repeated<UInt64>()
        list(points) { writer, point in
            writer.beginPoint(point.attributes, times.text(point.start) { $0.times(start: $1, time) })
            switch point.value {
            case .int(let value):
                writer.append(#","asInt":"#)
                writer.quotedInteger(value)
            case .double(let value):
                writer.append(#","asDouble":"#)
                writer.double(value)
            }
            writer.append("}")
        }
    }

    private mutating func histogramPoints(_ points: [HistogramPoint], _ time: UInt64) {
        var times = Repeated<UInt64>()
        var bounds = Repeated<[Double]>()
        list(points) { writer, point in
            writer.beginPoint(point.attributes, times.text(point.start) { $0.times(start: $1, time) })
            writer.countAndSum(point)
            writer.append(#","bucketCounts":["#)
            writer.counts(point.bucketCounts)
            writer.append(#"],"explicitBounds":["#)
            writer.append(bounds.text(point.bounds) { writer, bounds in writer.list(bounds) { $0.double($1) } })
            writer.append("]")
            writer.range(point)
            writer.exemplars(point.exemplars)
            writer.append("}")
        }
    }

    private mutating func exponentialPoints(_ points: [HistogramPoint], _ time: UInt64) {
        var times = Repeated<UInt64>()
        list(points) { writer, point in
            writer.beginPoint(point.attributes, times.text(point.start) { $0.times(start: $1, time) })
            writer.countAndSum(point)
            if let buckets = point.exponential {
                writer.append(#","scale":"#)
                writer.integer(buckets.scale)
                writer.append(#","zeroCount":"#)
                writer.quotedInteger(buckets.zeroCount)
                writer.append(#","positive":{"offset":"#)
                writer.integer(buckets.offset)
                writer.append(#","bucketCounts":["#)
                writer.counts(buckets.counts)
                writer.append("]}")
            }
            writer.range(point)
            writer.exemplars(point.exemplars)
            writer.append("}")
        }
    }

    private mutating func countAndSum(_ point: borrowing HistogramPoint) {
        append(#","count":"#)
        quotedInteger(point.count)
        append(#","sum":"#)
        double(point.sum)
    }

    private mutating func range(_ point: borrowing HistogramPoint) {
        guard let range = point.range else { return }
        append(#","min":"#)
        double(range.lowerBound)
        append(#","max":"#)
        double(range.upperBound)
    }

    private mutating func exemplars(_ exemplars: [Exemplar]) {
        guard !exemplars.isEmpty else { return }
        append(#","exemplars":["#)
        list(exemplars) { writer, exemplar in
            writer.append(#"{"timeUnixNano":"#)
            writer.quotedInteger(exemplar.time)
            writer.append(#","asDouble":"#)
            writer.double(exemplar.value)
            if let trace = exemplar.trace {
                writer.append(#","spanId":""#)
                writer.hexadecimal(trace.span)
                writer.append(#"","traceId":""#)
                writer.traceID(trace)
                writer.append("\"")
            }
            writer.append("}")
        }
        append("]")
    }

    private mutating func times(start: UInt64, _ time: UInt64) {
        if start > 0 {
            append(#""startTimeUnixNano":"#)
            quotedInteger(start)
            append(",")
        }
        append(#""timeUnixNano":"#)
        quotedInteger(time)
    }

    private mutating func counts(_ counts: ArraySlice<UInt64>) {
        for position in counts.indices {
            if position > counts.startIndex { append(",") }
            quotedInteger(counts[position])
        }
    }

    /// The beginning of every kind of point.
    @inline(__always)
    private mutating func beginPoint(_ attributes: [Attribute], _ times: [UInt8]) {
        append("{")
        if !attributes.isEmpty {
            self.attributes(attributes)
            append(",")
        }
        append(times)
    }

    fileprivate mutating func attributes(_ attributes: [Attribute]) {
        append(#""attributes":["#)
        list(attributes) { writer, attribute in
            writer.append(#"{"key":"#)
            writer.jsonString(attribute.key)
            writer.append(#","value":{"#)
            writer.value(attribute.value)
            writer.append("}}")
        }
        append("]")
    }

    private mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text):
            append(#""stringValue":"#)
            jsonString(text)
        case .int(let number):
            append(#""intValue":"#)
            quotedInteger(number)
        case .bool(let flag):
            append(#""boolValue":"#)
            append(flag ? "true" : "false")
        }
    }
}

/// Text that neighbouring points mostly share: it is encoded once and copied.
private struct Repeated<Value: Equatable> {
    private var value: Value?
    private var bytes: [UInt8] = []

    mutating func text(_ value: Value, _ write: (inout TextWriter, Value) -> Void) -> [UInt8] {
        if self.value != value {
            self.value = value
            bytes = TextWriter.bytes(capacity: 512) { write(&$0, value) }
        }
        return bytes
    }
}
