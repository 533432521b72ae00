// From what was counted since the beginning to what was counted since the last export.

/// Turns cumulative snapshots into delta ones (OpenTelemetry metrics data model, "Temporality").
///
/// The snapshot before is kept and subtracted, so the intervals of what is made follow one another without gap or overlap.
/// One that is given up before the next is made is taken back: the next one then covers its time too.
struct DeltaTemporality: Sendable {
    private var last: MetricSnapshot?
    private var beforeLast: MetricSnapshot?

    /// The snapshot with sums and histograms since the one before; series in which nothing was counted are left out.
    ///
    /// Minimum and maximum of an interval can't be told from those since the beginning, and are left out too.
    mutating func next(_ snapshot: MetricSnapshot) -> MetricSnapshot {
        defer { (beforeLast, last) = (last, snapshot) }
        var previous: [MetricDescriptor: MetricData] = [:]
        for metric in last?.metrics ?? [] { previous[metric.descriptor] = metric.data }
        let metrics = snapshot.metrics.map { metric in
            Metric(metric.descriptor, delta(metric.data, since: previous[metric.descriptor]))
        }
        return MetricSnapshot(time: snapshot.time, metrics: metrics.filter { $0.data.pointCount > 0 })
    }

    /// Takes back the last delta, if that is the one of the given time.
    mutating func takeBack(time: UInt64) {
        guard let last, last.time == time else { return }
        self.last = beforeLast
        beforeLast = nil
    }

    private func delta(_ current: MetricData, since previous: MetricData?) -> MetricData {
        switch current {
        case .gauge:
            return current
        case .sum(let points, let accumulation):
            var earlier: [[Attribute]: NumberPoint] = [:]
            if case .sum(let points, _) = previous { for point in points { earlier[point.attributes] = point } }
            let deltas = points.compactMap { point in point.delta(since: earlier[point.attributes]) }
            return .sum(deltas, interval(accumulation))
        case .histogram(let points, let bounds, let accumulation):
            var earlier: [[Attribute]: HistogramPoint] = [:]
            if case .histogram(let points, _, _) = previous {
                for point in points { earlier[point.attributes] = point }
            }
            let deltas = points.compactMap { point in point.delta(since: earlier[point.attributes]) }
            return .histogram(deltas, bounds: bounds, interval(accumulation))
        }
    }

    private func interval(_ accumulation: Accumulation) -> Accumulation {
        Accumulation(start: last?.time ?? accumulation.start, .delta)
    }
}

extension NumberPoint {
    /// Nil if nothing was counted.
    fileprivate func delta(since earlier: NumberPoint?) -> NumberPoint? {
        let value: NumberValue =
            switch (self.value, earlier?.value) {
            case (.int(let new), .int(let old)): .int(new.subtractingAsCount(old))
            case (.double(let new), .double(let old)): .double(max(new - old, 0))
            case (let new, _): new
            }
        return value == .int(0) || value == .double(0) ? nil : NumberPoint(attributes, value)
    }
}

extension HistogramPoint {
    /// Nil if nothing was counted.
    fileprivate func delta(since earlier: HistogramPoint?) -> HistogramPoint? {
        guard let earlier else { return HistogramPoint(attributes, bucketCounts, count: count, sum: sum) }
        guard count > earlier.count else { return nil }
        let counts = zip(bucketCounts, earlier.bucketCounts).map { $0.subtractingSaturated($1) }
        return HistogramPoint(attributes, counts[...], count: count - earlier.count, sum: max(sum - earlier.sum, 0))
    }

    private init(_ attributes: [Attribute], _ counts: ArraySlice<UInt64>, count: UInt64, sum: Double) {
        self.init(attributes, bucketCounts: counts, count: count, sum: sum, range: nil)
    }
}
