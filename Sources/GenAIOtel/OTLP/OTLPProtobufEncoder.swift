// Encodes a snapshot as the protobuf body of an OTLP/HTTP request.

/// Encodes snapshots as `ExportMetricsServiceRequest` in protobuf (opentelemetry-proto 1.x; field numbers are in the code).
///
/// A pure function of its input: no clock, no I/O. The message is the same as that of ``OTLPJSONEncoder``. The length of a
/// point is computed before it is written. The lengths of the messages around points are filled in afterwards, so that
/// nothing is walked twice.
package struct OTLPProtobufEncoder: Sendable {
    /// The resource, which does not change, is encoded once.
    private let resource: [UInt8]

    package init(resource: Resource) {
        self.resource = TextWriter.bytes(capacity: 4_096) { writer in
            writer.message(.delimited(1)) { $0.attributes(.delimited(1), resource.attributes) }
        }
    }

    /// The request's body. The snapshot must hold at least one metric.
    package func encode(_ snapshot: MetricSnapshot) -> [UInt8] {
        let size = resource.count + snapshot.metrics.reduce(128) { $0 + Self.estimatedSize($1) }
        return TextWriter.bytes(capacity: size) { writer in
            writer.message(.delimited(1)) { writer in
                writer.append(resource)
                for (scope, metrics) in snapshot.scopes {
                    writer.message(.delimited(2)) { writer in
                        writer.message(.delimited(1)) { writer in
                            writer.string(.delimited(1), scope.name)
                            writer.string(.delimited(2), PackageInfo.version)
                        }
                        writer.list(metrics, separator: "") { $0.metric($1, time: snapshot.time) }
                    }
                }
            }
        }
    }

    /// In bytes, rather too many than too few: if there are too few, everything is encoded twice.
    private static func estimatedSize(_ metric: Metric) -> Int {
        switch metric.data {
        case .gauge(let points): 256 + 128 * points.count
        case .sum(let points, _), .upDownSum(let points): 256 + 256 * points.count
        case .histogram(let points, _):
            points.reduce(256) { $0 + 320 + 16 * $1.bounds.count + 48 * $1.exemplars.count }
        case .exponentialHistogram(let points, _):
            points.reduce(256) { $0 + 320 + 3 * ($1.exponential?.counts.count ?? 0) + 48 * $1.exemplars.count }
        }
    }
}

extension TextWriter {
    fileprivate mutating func metric(_ metric: borrowing Metric, time: UInt64) {
        let descriptor = metric.descriptor
        let data = metric.data
        message(.delimited(2)) { writer in
            writer.string(.delimited(1), descriptor.name)
            writer.string(.delimited(2), descriptor.description)
            if !descriptor.unit.isEmpty { writer.string(.delimited(3), descriptor.unit) }
            switch data {
            case .gauge(let points):
                writer.message(.delimited(5)) { $0.numberPoints(points, time) }
            case .sum(let points, let temporality):
                writer.message(.delimited(7)) { writer in
                    writer.numberPoints(points, time)
                    writer.temporality(temporality)
                    writer.varint(.varint(3), 1)
                }
            case .upDownSum(let points):
                writer.message(.delimited(7)) { writer in
                    writer.numberPoints(points, time)
                    writer.temporality(.cumulative)
                }
            case .histogram(let points, let temporality):
                writer.message(.delimited(9)) { writer in
                    writer.histogramPoints(points, time)
                    writer.temporality(temporality)
                }
            case .exponentialHistogram(let points, let temporality):
                writer.message(.delimited(10)) { writer in
                    writer.exponentialPoints(points, time)
                    writer.temporality(temporality)
                }
            }
        }
    }

    private mutating func temporality(_ temporality: Temporality) {
        switch temporality {
        case .delta: varint(.varint(2), 1)
        case .cumulative: varint(.varint(2), 2)
        }
    }

    private mutating func numberPoints(_ points: [NumberPoint], _ time: UInt64) {
        list(points, separator: "") { writer, point in
            let size = Self.size(of: point.attributes) + Self.size(ofStart: point.start) + 2 * ProtobufSize.fixed64
            writer.header(.delimited(1), length: size)
            writer.attributes(.delimited(7), point.attributes)
            writer.times(start: point.start, time)
            switch point.value {
            case .int(let value): writer.fixed64(.fixed64(6), UInt64(bitPattern: Int64(value)))
            case .double(let value): writer.fixed64(.fixed64(4), value)
            }
        }
    }

    private mutating func histogramPoints(_ points: [HistogramPoint], _ time: UInt64) {
        list(points, separator: "") { writer, point in
            let size =
                Self.size(of: point.attributes) + Self.size(ofStart: point.start)
                + (point.range == nil ? 3 : 5) * ProtobufSize.fixed64
                + Self.size(ofNumbers: point.bucketCounts.count) + Self.size(ofNumbers: point.bounds.count)
                + Self.size(of: point.exemplars)
            writer.header(.delimited(1), length: size)
            writer.attributes(.delimited(9), point.attributes)
            writer.times(start: point.start, time)
            writer.countAndSum(point)
            writer.counts(.delimited(6), point.bucketCounts)
            if !point.bounds.isEmpty {
                writer.header(.delimited(7), length: 8 * point.bounds.count)
                for bound in point.bounds { writer.append(littleEndian: bound.bitPattern) }
            }
            writer.exemplars(.delimited(8), point.exemplars)
            writer.range(.fixed64(11), .fixed64(12), point.range)
        }
    }

    private mutating func exponentialPoints(_ points: [HistogramPoint], _ time: UInt64) {
        list(points, separator: "") { writer, point in
            guard let buckets = point.exponential else { return }
            let counts = buckets.counts.reduce(0) { $0 + ProtobufSize.varint($1) }
            let positive =
                1 + ProtobufSize.varint(buckets.offset.zigzag) + (counts == 0 ? 0 : ProtobufSize.delimited(counts))
            let size =
                Self.size(of: point.attributes) + Self.size(ofStart: point.start)
                + (point.range == nil ? 4 : 6) * ProtobufSize.fixed64
                + 1 + ProtobufSize.varint(buckets.scale.zigzag) + ProtobufSize.delimited(positive)
                + Self.size(of: point.exemplars)
            writer.header(.delimited(1), length: size)
            writer.attributes(.delimited(1), point.attributes)
            writer.times(start: point.start, time)
            writer.countAndSum(point)
            writer.varint(.varint(6), buckets.scale.zigzag)
            writer.fixed64(.fixed64(7), buckets.zeroCount)
            writer.header(.delimited(8), length: positive)
            writer.varint(.varint(1), buckets.offset.zigzag)
            if counts > 0 { writer.header(.delimited(2), length: counts) }
            for count in buckets.counts { writer.varint(count) }
            writer.exemplars(.delimited(11), point.exemplars)
            writer.range(.fixed64(12), .fixed64(13), point.range)
        }
    }

    /// The fields that every kind of point has under the same number.
    @inline(__always)
    private mutating func times(start: UInt64, _ time: UInt64) {
        if start > 0 { fixed64(.fixed64(2), start) }
        fixed64(.fixed64(3), time)
    }

    @inline(__always)
    private mutating func countAndSum(_ point: borrowing HistogramPoint) {
        fixed64(.fixed64(4), point.count)
        fixed64(.fixed64(5), point.sum)
    }

    @inline(__always)
    private mutating func range(_ minimum: ProtobufTag, _ maximum: ProtobufTag, _ range: ClosedRange<Double>?) {
        guard let range else { return }
        fixed64(minimum, range.lowerBound)
        fixed64(maximum, range.upperBound)
    }

    @inline(__always)
    private mutating func counts(_ tag: ProtobufTag, _ counts: ArraySlice<UInt64>) {
        guard !counts.isEmpty else { return }
        header(tag, length: 8 * counts.count)
        for count in counts { append(littleEndian: count) }
    }

    private mutating func exemplars(_ tag: ProtobufTag, _ exemplars: [Exemplar]) {
        for exemplar in exemplars {
            header(tag, length: Self.length(of: exemplar))
            fixed64(.fixed64(2), exemplar.time)
            fixed64(.fixed64(3), exemplar.value)
            guard let trace = exemplar.trace else { continue }
            header(.delimited(4), length: 8)
            append(littleEndian: trace.span.byteSwapped)
            header(.delimited(5), length: 16)
            append(littleEndian: trace.high.byteSwapped)
            append(littleEndian: trace.low.byteSwapped)
        }
    }

    fileprivate mutating func attributes(_ tag: ProtobufTag, _ attributes: [Attribute]) {
        list(attributes, separator: "") { writer, attribute in
            let value = Self.size(of: attribute.value)
            writer.header(tag, length: ProtobufSize.delimited(attribute.key.utf8.count) + ProtobufSize.delimited(value))
            writer.string(.delimited(1), attribute.key)
            writer.header(.delimited(2), length: value)
            switch attribute.value {
            case .string(let text): writer.string(.delimited(1), text)
            case .bool(let flag): writer.varint(.varint(2), flag ? 1 : 0)
            case .int(let number): writer.varint(.varint(3), UInt64(bitPattern: Int64(number)))
            }
        }
    }

    @inline(__always)
    private static func size(of attributes: [Attribute]) -> Int {
        attributes.withUnsafeBufferPointer { attributes in
            var size = 0
            for position in attributes.indices {
                size += ProtobufSize.delimited(
                    ProtobufSize.delimited(attributes[position].key.utf8.count)
                        + ProtobufSize.delimited(self.size(of: attributes[position].value))
                )
            }
            return size
        }
    }

    private static func size(of exemplars: [Exemplar]) -> Int {
        exemplars.reduce(0) { $0 + ProtobufSize.delimited(length(of: $1)) }
    }

    private static func length(of exemplar: Exemplar) -> Int {
        2 * ProtobufSize.fixed64
            + (exemplar.trace == nil ? 0 : ProtobufSize.delimited(8) + ProtobufSize.delimited(16))
    }

    @inline(__always)
    private static func size(of value: AttributeValue) -> Int {
        switch value {
        case .string(let text): ProtobufSize.delimited(text.utf8.count)
        case .bool: 2
        case .int(let number): 1 + ProtobufSize.varint(UInt64(bitPattern: Int64(number)))
        }
    }

    @inline(__always)
    private static func size(ofStart start: UInt64) -> Int { start > 0 ? ProtobufSize.fixed64 : 0 }

    /// A packed list of numbers of eight bytes; none if it is empty.
    @inline(__always)
    private static func size(ofNumbers count: Int) -> Int { count == 0 ? 0 : ProtobufSize.delimited(8 * count) }
}
