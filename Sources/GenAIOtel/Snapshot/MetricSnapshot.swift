// The values of all metrics at one moment, as plain data: what every exporter is given.

import GenAISupport

/// Everything there is to export, taken at one moment.
package struct MetricSnapshot: Sendable, Equatable {
    /// When the values were taken, in nanoseconds since 1970-01-01 UTC. Rises from snapshot to snapshot.
    package var time: UInt64
    /// Metrics with at least one point each.
    package var metrics: [Metric]
    /// The counters of polled servers that do not report at present: the server is down, or the model is not loaded. They are
    /// not exported. They continue when the server reports them again.
    package var paused: [Metric]
    /// ``time`` on the collector's clock, in nanoseconds.
    package var moment: UInt64

    package init(time: UInt64, metrics: [Metric], paused: [Metric] = [], moment: UInt64 = 0) {
        self.time = time
        self.metrics = metrics
        self.paused = paused
        self.moment = moment
    }

    /// Number of points in all metrics.
    package var pointCount: Int { metrics.reduce(0) { $0 + $1.data.pointCount } }
}

/// One metric with its points. No two points have the same attributes.
package struct Metric: Sendable, Equatable {
    package var descriptor: MetricDescriptor
    package var data: MetricData
    package var scope = MetricScope.application

    package init(_ descriptor: MetricDescriptor, _ data: MetricData) {
        self.descriptor = descriptor
        self.data = data
    }

    /// A gauge.
    package init(_ descriptor: MetricDescriptor, _ points: [NumberPoint]) {
        self.init(descriptor, .gauge(points))
    }

    /// The points of a gauge or a sum; a histogram has none of these.
    package var points: [NumberPoint] {
        switch data {
        case .gauge(let points), .sum(let points, _), .upDownSum(let points): points
        case .histogram, .exponentialHistogram: []
        }
    }
}

extension Metric {
    /// The metric with some of its points.
    fileprivate func slice(_ range: Range<Int>) -> Metric {
        var result = self
        switch data {
        case .gauge(let points): result.data = .gauge(Array(points[range]))
        case .sum(let points, let temporality): result.data = .sum(Array(points[range]), temporality)
        case .upDownSum(let points): result.data = .upDownSum(Array(points[range]))
        case .histogram(let points, let temporality): result.data = .histogram(Array(points[range]), temporality)
        case .exponentialHistogram(let points, let temporality):
            result.data = .exponentialHistogram(Array(points[range]), temporality)
        }
        return result
    }
}

/// The instrumentation scopes. One scope can't hold two metrics with one name.
package enum MetricScope: Sendable, CaseIterable {
    case application
    /// Histograms with the bounds of polled servers, where those of tracked requests are exponential.
    case polledServers
    /// Metrics about the exporter itself.
    case exporter

    package var name: String {
        switch self {
        case .application: "genai.server"
        case .polledServers: "genai.server.polled"
        case .exporter: "genai.server.exporter"
        }
    }
}

/// The points of a metric, by its kind.
package enum MetricData: Sendable, Equatable {
    case gauge([NumberPoint])
    /// A sum that never falls.
    case sum([NumberPoint], Temporality)
    /// A sum that may fall, which is cumulative in either temporality.
    case upDownSum([NumberPoint])
    case histogram([HistogramPoint], Temporality)
    /// Histograms that are exported with their exponential buckets. Every point has some.
    case exponentialHistogram([HistogramPoint], Temporality)

    package var pointCount: Int {
        switch self {
        case .gauge(let points), .sum(let points, _), .upDownSum(let points): points.count
        case .histogram(let points, _), .exponentialHistogram(let points, _): points.count
        }
    }
}

/// The interval of a sum or a histogram, from each point's start to the snapshot's time.
package enum Temporality: Sendable {
    /// Since counting began. A point's start changes only after a restart.
    case cumulative
    /// Since the last export that arrived.
    case delta
}

/// One value of a gauge or a sum.
package struct NumberPoint: Sendable, Equatable {
    package var attributes: [Attribute]
    package var value: NumberValue
    /// When counting began, in nanoseconds since 1970-01-01 UTC; 0 for gauges, which do not count.
    package var start: UInt64
    /// The total that this process has seen counted, over all restarts; nil if it is ``value``. Deltas are its differences.
    package var accumulated: NumberValue?

    package init(
        _ attributes: [Attribute],
        _ value: NumberValue,
        start: UInt64 = 0,
        accumulated: NumberValue? = nil
    ) {
        self.attributes = attributes
        self.value = value
        self.start = start
        self.accumulated = accumulated
    }
}

/// A point's value. A double is always finite.
package enum NumberValue: Sendable, Equatable {
    case int(Int)
    case double(Double)
}

/// How many values of one series fell into each bucket.
package struct HistogramPoint: Sendable, Equatable {
    package var attributes: [Attribute]
    /// The upper bounds of all buckets but the last, each inclusive and higher than the one before.
    package var bounds: [Double]
    /// One more than there are bounds. A slice, so that a snapshot shares the memory that the collector counts in.
    package var bucketCounts: ArraySlice<UInt64>
    package var count: UInt64
    package var sum: Double
    /// The smallest and the largest value; nil where it is not known.
    package var range: ClosedRange<Double>?
    /// When counting began, in nanoseconds since 1970-01-01 UTC.
    package var start: UInt64
    /// ``NumberPoint/accumulated``.
    package var accumulated: HistogramReading?
    /// The same values in exponential buckets; nil unless they are configured.
    package var exponential: ExponentialBuckets?
    /// At most one for each bucket, in their order.
    package var exemplars: [Exemplar] = []

    package init(
        _ attributes: [Attribute],
        bounds: [Double],
        bucketCounts: ArraySlice<UInt64>,
        count: UInt64,
        sum: Double,
        range: ClosedRange<Double>?,
        start: UInt64
    ) {
        self.attributes = attributes
        self.bounds = bounds
        self.bucketCounts = bucketCounts
        self.count = count
        self.sum = sum
        self.range = range
        self.start = start
    }
}

/// One of the values that were counted, and the trace of the request that it comes from (OpenTelemetry metrics data model,
/// "Exemplars").
package struct Exemplar: Sendable, Equatable {
    package var value: Double
    /// When it was counted, in nanoseconds since 1970-01-01 UTC.
    package var time: UInt64
    package var trace: RequestTrace?

    package init(value: Double, time: UInt64, trace: RequestTrace?) {
        self.value = value
        self.time = time
        self.trace = trace
    }
}

/// How many values fell into each bucket of an exponential histogram (OpenTelemetry metrics data model,
/// "ExponentialHistogram"). There are no values below zero.
package struct ExponentialBuckets: Sendable, Equatable {
    /// The bounds are the powers of 2^(2^-scale).
    package var scale: Int
    /// The exponent of the first bucket's lower bound, which is exclusive.
    package var offset: Int
    /// At most 160. A slice, as in ``HistogramPoint/bucketCounts``.
    package var counts: ArraySlice<UInt64>
    /// Number of values that are 0.
    package var zeroCount: UInt64

    package init(scale: Int, offset: Int, counts: ArraySlice<UInt64>, zeroCount: UInt64) {
        self.scale = scale
        self.offset = offset
        self.counts = counts
        self.zeroCount = zeroCount
    }
}

extension MetricSnapshot {
    /// The snapshot in parts of at most so many points, in order.
    func split(maxPoints: Int) -> [MetricSnapshot] {
        guard pointCount > maxPoints else { return [self] }
        var parts: [MetricSnapshot] = []
        var part = MetricSnapshot(time: time, metrics: [])
        var room = maxPoints
        for metric in metrics {
            var start = 0
            while start < metric.data.pointCount {
                let end = min(start + room, metric.data.pointCount)
                part.metrics.append(metric.slice(start..<end))
                room -= end - start
                start = end
                if room == 0 {
                    parts.append(part)
                    part.metrics = []
                    room = maxPoints
                }
            }
        }
        return part.metrics.isEmpty ? parts : parts + [part]
    }

    /// The snapshot with exponential histograms where points have them. The other histograms move to a scope of their own: one
    /// scope can't hold two kinds under one name. They move even if no exponential one has their name yet, so that a metric
    /// never changes its kind.
    package func withExponentialHistograms() -> MetricSnapshot {
        var result = self
        result.metrics = metrics.flatMap { metric -> [Metric] in
            guard metric.scope == .application, case .histogram(let points, let temporality) = metric.data else {
                return [metric]
            }
            let exponential = points.filter { $0.exponential != nil }
            var explicit = Metric(
                metric.descriptor,
                .histogram(points.filter { $0.exponential == nil }, temporality)
            )
            explicit.scope = .polledServers
            return [Metric(metric.descriptor, .exponentialHistogram(exponential, temporality)), explicit]
                .filter { $0.data.pointCount > 0 }
        }
        return result
    }

    /// The metrics by scope, without empty scopes.
    var scopes: [(scope: MetricScope, metrics: [Metric])] {
        guard metrics.contains(where: { $0.scope != .application }) else { return [(.application, metrics)] }
        return MetricScope.allCases.map { scope in (scope, metrics.filter { $0.scope == scope }) }
            .filter { !$0.metrics.isEmpty }
    }
}

extension HistogramPoint {
    /// A histogram that a polled server keeps.
    init(
        _ attributes: [Attribute],
        _ histogram: HistogramReading,
        start: UInt64,
        accumulated: HistogramReading? = nil
    ) {
        self.init(
            attributes,
            bounds: histogram.bounds,
            bucketCounts: histogram.bucketCounts[...],
            count: histogram.count,
            sum: histogram.sum,
            range: nil,
            start: start
        )
        self.accumulated = accumulated
    }
}
