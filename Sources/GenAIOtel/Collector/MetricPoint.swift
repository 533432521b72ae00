// The collector's values, read back by the application.

import GenAISupport

/// One value as it would be exported now: a metric with one set of attributes.
///
/// ``ServerMetricsCollector/points(_:)`` makes it. A value: safe to pass between threads.
///
/// ```swift
/// for point in metrics.points("gen_ai.server.kv_cache.usage") {
///     print(point.attributes["model"] ?? "", point.value, point.unit)  // llama-3 double(62.5) %
/// }
/// ```
public struct MetricPoint: Sendable, Hashable {
    /// The metric's name, such as `gen_ai.requests`.
    public let name: String
    /// The unit in UCUM notation, such as `s` or `{request}`.
    public let unit: String
    /// What the value does over time.
    public let kind: Kind
    /// The attributes by key. Numbers and booleans are given as text.
    public let attributes: [String: String]
    /// The number, or the histogram.
    public let value: Value

    /// What the values of a metric do over time. Safe to pass between threads.
    ///
    /// ```swift
    /// let counters = metrics.points().filter { $0.kind == .counter }
    /// ```
    public enum Kind: Sendable, Hashable {
        /// A number that is measured, and replaces the one before.
        case gauge
        /// A sum since the beginning. It falls only if a polled server begins anew.
        case counter
        /// A sum that may fall.
        case upDownCounter
        /// Counts by bucket since the beginning.
        case histogram
    }

    /// The value of a point. Numbers are always finite. Safe to pass between threads.
    ///
    /// ```swift
    /// for point in metrics.points("gen_ai.server.request.duration") {
    ///     guard case .histogram(let durations) = point.value else { continue }
    ///     print(durations.count, "requests took", durations.sum, "seconds")
    /// }
    /// ```
    public enum Value: Sendable, Hashable {
        /// A whole number: a count, or a gauge of requests, tokens or bytes.
        case int(Int)
        /// A number with a fraction: a percentage, a temperature, watts or joules.
        case double(Double)
        /// The sum and the counts since the beginning, with explicit bounds.
        case histogram(HistogramReading)
    }
}

extension ServerMetricsCollector {
    /// Makes a collector that nothing is exported from, for unit tests of request handlers.
    ///
    /// It starts no thread and reads no environment. Warnings go to standard error.
    ///
    /// ```swift
    /// let metrics = ServerMetricsCollector()
    /// metrics.trackRequest(model: "llama-3") { $0.finish(outputTokens: 128) }
    /// assert(metrics.points("gen_ai.requests").map(\.value) == [.int(1)])
    /// ```
    ///
    /// - Parameter requests: how requests are counted; by default without the environment. An unusable setting is replaced
    ///   by its default, with a warning.
    public convenience init(requests: RequestConfiguration = RequestConfiguration(environment: [:])) {
        var warnings: [String] = []
        self.init(
            cardinalityLimit: GenAIConfiguration.defaultCardinalityLimit,
            requests: requests.validated(&warnings),
            log: Log(level: .warning)
        )
        for warning in warnings { log.warning(warning) }
    }

    /// The values as they would be exported now, with sums and histograms since the beginning.
    ///
    /// For tests, and for applications that show or forward the values by themselves. Thread-safe. A call costs as much as
    /// an export, but request handlers never wait for it.
    ///
    /// ```swift
    /// let running = metrics.points("gen_ai.server.requests.running").map(\.value)
    /// ```
    ///
    /// - Parameter name: the metric's name; nil for all metrics.
    /// - Returns: the points; none if no metric has that name, or if it has no value yet.
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
