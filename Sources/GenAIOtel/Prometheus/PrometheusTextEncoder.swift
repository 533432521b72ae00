// Encodes a snapshot as text for Prometheus.

/// Encodes snapshots in the Prometheus text format, version 0.0.4 (Prometheus documentation, "Exposition formats"), or as
/// OpenMetrics 1.0; names by the OpenTelemetry specification, "Prometheus and OpenMetrics compatibility".
///
/// A pure function of its input. Gauges get no suffix for their unit, so that their names stay those that users query.
package struct PrometheusTextEncoder: Sendable {
    package enum Format: Sendable { case prometheus, openMetrics }

    /// The sample of the resource, which does not change, is encoded once.
    private let targetInfo: [UInt8]

    package init(resource: Resource) {
        let attributes = Self.merged(resource.attributes)
        targetInfo = TextWriter.bytes(capacity: 4_096) { $0.sample("target_info", NumberPoint(attributes, .int(1))) }
    }

    /// The text, each line ended by a line feed.
    package func encode(_ snapshot: MetricSnapshot, as format: Format = .prometheus) -> String {
        let size = snapshot.metrics.reduce(targetInfo.count + 256) { $0 + Self.estimatedSize($1) }
        return TextWriter.string(capacity: size) { writer in
            let help = "Attributes of the process that reports these metrics"
            switch format {
            case .prometheus: writer.header("target_info", type: "gauge", help: help, format)
            case .openMetrics: writer.header("target", type: "info", help: help, format)
            }
            writer.append(targetInfo)
            writer.list(snapshot.metrics, separator: "") { $0.metric($1, format) }
            if format == .openMetrics { writer.append("# EOF\n") }
        }
    }

    /// If several keys give the same label name, their values are joined by `;` in the order of the keys.
    private static func merged(_ attributes: [Attribute]) -> [Attribute] {
        var result: [Attribute] = []
        for attribute in attributes.sorted(by: { $0.key < $1.key }) {
            let name = prometheusName(attribute.key)
            if let known = result.firstIndex(where: { $0.key == name }) {
                result[known].value = .string("\(result[known].value.text);\(attribute.value.text)")
            } else {
                result.append(Attribute(name, attribute.value))
            }
        }
        return result
    }

    static func prometheusName(_ name: String) -> String {
        TextWriter.string(capacity: name.utf8.count + 8) { $0.prometheusName(name) }
    }

    /// In bytes, rather too many than too few: if there are too few, everything is encoded twice.
    private static func estimatedSize(_ metric: Metric) -> Int {
        switch metric.data {
        case .gauge(let points), .sum(let points, _), .upDownSum(let points): 256 + 160 * points.count
        case .histogram(let points, _), .exponentialHistogram(let points, _):
            points.reduce(256) { $0 + 192 * ($1.bounds.count + 3) + 128 * $1.exemplars.count }
        }
    }
}

extension TextWriter {
    fileprivate mutating func metric(_ metric: borrowing Metric, _ format: PrometheusTextEncoder.Format) {
        let name = PrometheusTextEncoder.prometheusName(metric.descriptor.name)
        let help = metric.descriptor.description
        switch metric.data {
        case .gauge(let points), .upDownSum(let points):
            header(name, type: "gauge", help: help, format)
            list(points, separator: "") { $0.sample(name, $1) }
        case .sum(let points, _):
            let sampleName = name + "_total"
            header(format == .openMetrics ? name : sampleName, type: "counter", help: help, format)
            list(points, separator: "") { $0.sample(sampleName, $1) }
        // The text format has no exponential buckets; each point has the explicit ones too.
        case .histogram(let points, _), .exponentialHistogram(let points, _):
            let name = metric.descriptor.unit == "s" ? name + "_seconds" : name
            header(name, type: "histogram", help: help, format)
            var bounds = BoundTexts(format)
            list(points, separator: "") { writer, point in
                let exemplars = format == .openMetrics ? point.exemplars : []
                writer.histogram(name, bounds.texts(of: point.bounds), point, exemplars)
            }
        }
    }

    /// The comments before the samples of a metric.
    fileprivate mutating func header(
        _ name: String,
        type: StaticString,
        help: String,
        _ format: PrometheusTextEncoder.Format
    ) {
        append("# HELP ")
        append(name)
        append(" ")
        prometheusText(help, escapingQuotes: format == .openMetrics)
        append("\n# TYPE ")
        append(name)
        append(" ")
        append(type)
        append("\n")
    }

    fileprivate mutating func sample(_ name: String, _ point: borrowing NumberPoint) {
        append(name)
        if !point.attributes.isEmpty {
            append("{")
            labels(point.attributes)
            append("}")
        }
        append(" ")
        prometheusNumber(point.value)
        append("\n")
    }

    /// - Parameter bounds: the values of the label `le`.
    private mutating func histogram(
        _ name: String,
        _ bounds: [[UInt8]],
        _ point: borrowing HistogramPoint,
        _ exemplars: [Exemplar]
    ) {
        var cumulative: UInt64 = 0
        var exemplars = exemplars[...]
        // The labels are written with the first bucket and copied from there.
        var labels = 0..<0
        for (bucket, (bound, count)) in zip(bounds, point.bucketCounts).enumerated() {
            cumulative = cumulative.addingSaturated(count)
            append(name)
            append("_bucket{")
            if labels.isEmpty {
                let start = self.count
                self.labels(point.attributes)
                labels = start..<self.count
            } else {
                repeatText(labels)
            }
            append(labels.isEmpty ? "le=\"" : ",le=\"")
            append(bound)
            append("\"} ")
            integer(cumulative)
            let upperBound = bucket < point.bounds.count ? point.bounds[bucket] : .infinity
            if let exemplar = exemplars.first, exemplar.value <= upperBound {
                self.exemplar(exemplar)
                exemplars.removeFirst()
            }
            append("\n")
        }
        histogramTotal(name, "_sum", labels, .double(point.sum))
        histogramTotal(name, "_count", labels, .int(Int(clamping: point.count)))
    }

    private mutating func exemplar(_ exemplar: Exemplar) {
        append(" # {")
        if let trace = exemplar.trace {
            append("trace_id=\"")
            traceID(trace)
            append("\",span_id=\"")
            hexadecimal(trace.span)
            append("\"")
        }
        append("} ")
        double(exemplar.value)
        append(" ")
        double(Double(exemplar.time / 1_000_000) / 1_000)
    }

    private mutating func histogramTotal(
        _ name: String,
        _ suffix: StaticString,
        _ labels: Range<Int>,
        _ value: NumberValue
    ) {
        append(name)
        append(suffix)
        if !labels.isEmpty {
            append("{")
            repeatText(labels)
            append("}")
        }
        append(" ")
        prometheusNumber(value)
        append("\n")
    }

    fileprivate static func bound(_ bound: Double, _ format: PrometheusTextEncoder.Format) -> [UInt8] {
        // OpenMetrics writes 1.0 where Go writes 1.
        bytes(capacity: 32) { $0.double(bound, wholeWithoutPoint: format == .prometheus) }
    }
}

/// The values of the label `le`, encoded once for consecutive points with the same bounds.
private struct BoundTexts {
    private var bounds: [Double]?
    private var texts: [[UInt8]] = []
    private let format: PrometheusTextEncoder.Format

    init(_ format: PrometheusTextEncoder.Format) {
        self.format = format
    }

    mutating func texts(of bounds: [Double]) -> [[UInt8]] {
        if self.bounds != bounds {
            self.bounds = bounds
            texts = bounds.map { TextWriter.bound($0, format) } + [Array("+Inf".utf8)]
        }
        return texts
    }
}
