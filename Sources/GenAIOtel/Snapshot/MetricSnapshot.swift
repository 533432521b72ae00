// The values of all metrics at one moment, as plain data: what every exporter is given.

/// Everything there is to export, taken at one moment.
package struct MetricSnapshot: Sendable, Equatable {
    /// When the values were taken, in nanoseconds since 1970-01-01 UTC. Rises from snapshot to snapshot.
    package var time: UInt64
    /// Metrics with at least one point each.
    package var metrics: [Metric]

    package init(time: UInt64, metrics: [Metric]) {
        self.time = time
        self.metrics = metrics
    }

    /// Number of points in all metrics.
    package var pointCount: Int { metrics.reduce(0) { $0 + $1.points.count } }
}

/// One metric with its points. No two points have the same attributes.
package struct Metric: Sendable, Equatable {
    package var descriptor: MetricDescriptor
    package var points: [NumberPoint]

    package init(_ descriptor: MetricDescriptor, _ points: [NumberPoint]) {
        self.descriptor = descriptor
        self.points = points
    }
}

/// One value of a gauge.
package struct NumberPoint: Sendable, Equatable {
    package var attributes: [Attribute]
    package var value: NumberValue

    package init(_ attributes: [Attribute], _ value: NumberValue) {
        self.attributes = attributes
        self.value = value
    }
}

/// A point's value. A double is always finite.
package enum NumberValue: Sendable, Equatable {
    case int(Int)
    case double(Double)
}
