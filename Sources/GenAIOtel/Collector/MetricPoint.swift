// The collector's values, read back by the application.

import GenAISupport

/// One value as it would be exported now.
public struct MetricPoint: Sendable, Hashable {
    /// The metric's name, such as `gen_ai.requests`.
    public let name: String
    /// In UCUM notation, such as `s` or `{request}`.
    public let unit: String
    /// What the value does over time.
    public let kind: Kind
    /// The attributes by key. Numbers and truth values as text.
    public let attributes: [String: String]
    /// The number, or the histogram.
    public let value: Value

    /// The kinds of metrics.
    public enum Kind: Sendable, Hashable {
        /// A number that is measured and replaces the one before.
        case gauge
        /// A sum since the beginning that never falls, but for a polled server that has begun anew.
        case counter
        /// A sum that may fall.
        case upDownCounter
        /// Counts by bucket since the beginning.
        case histogram
    }

    /// The value of a point, which is always finite.
    public enum Value: Sendable, Hashable {
        case int(Int)
        case double(Double)
        /// Sums and counts since the beginning, with explicit bounds.
        case histogram(HistogramReading)
    }
}

extension ServerMetricsCollector {
    /// A collector that nothing is exported from, for unit tests of request handlers.
    ///
    /// ```swift
    /// let metrics = ServerMetricsCollector()
    /// try await handler(metrics).chat("Hello")
    /// #expect(metrics.points("gen_ai.requests").map(\.value) == [.int(1)])
    /// ```
    ///
    /// - Parameter requests: how requests are counted; what can't be used is replaced by its default.
    public convenience init(requests: RequestConfiguration = RequestConfiguration(environment: [:])) {
        var warnings: [String] = []
        self.init(
            cardinalityLimit: GenAIConfiguration.defaultCardinalityLimit,
            requests: requests.validated(&warnings),
            log: Log(level: .warning)
        )
        for warning in warnings { log.warning(warning) }
    }

    /// The values as they would be exported now, sums and histograms since the beginning. Thread-safe.
    ///
    /// For tests, and for applications that show or forward the values by themselves. As expensive as an export.
    ///
    /// - Parameter name: only points of the metric of this name; nil for all.
    public func points(_ name: String? = nil) -> [MetricPoint] {
        let metrics = snapshot().metrics.filter { name == nil || $0.descriptor.name == name }
        return metrics.flatMap { metric in
            func point(_ attributes: [Attribute], _ value: MetricPoint.Value) -> MetricPoint {
                MetricPoint(
                    name: metric.descriptor.name,
                    unit: metric.descriptor.unit,
                    kind: MetricPoint.Kind(metric.data),
                    attributes: Dictionary(attributes.map { ($0.key, $0.value.text) }) { first, _ in first },
                    value: value
                )
            }
            switch metric.data {
            case .gauge(let points), .sum(let points, _), .upDownSum(let points):
                return points.map { point($0.attributes, MetricPoint.Value($0.value)) }
            case .histogram(let points, _), .exponentialHistogram(let points, _):
                return points.map { point($0.attributes, .histogram(HistogramReading($0))) }
            }
        }
    }
}

extension MetricPoint.Kind {
    fileprivate init(_ data: MetricData) {
        switch data {
        case .gauge: self = .gauge
        case .sum: self = .counter
        case .upDownSum: self = .upDownCounter
        case .histogram, .exponentialHistogram: self = .histogram
        }
    }
}

extension MetricPoint.Value {
    fileprivate init(_ number: NumberValue) {
        switch number {
        case .int(let number): self = .int(number)
        case .double(let number): self = .double(number)
        }
    }
}

extension HistogramReading {
    fileprivate init(_ point: HistogramPoint) {
        self.init(bounds: point.bounds, bucketCounts: Array(point.bucketCounts), sum: point.sum)
    }
}
