// From what was counted since the beginning to what was counted since the last export.

import GenAISupport

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
        // A series that started after the last export counts from its own start.
        func start(_ own: UInt64) -> UInt64 { max(last?.time ?? own, own) }
        switch current {
        case .gauge:
            return current
        case .sum(let points, _):
            var earlier: [[Attribute]: NumberPoint] = [:]
            if case .sum(let points, _) = previous { for point in points { earlier[point.attributes] = point } }
            let deltas = points.compactMap { point in
                point.delta(since: earlier[point.attributes], start: start(point.start))
            }
            return .sum(deltas, .delta)
        case .histogram(let points, _):
            var earlier: [[Attribute]: HistogramPoint] = [:]
            if case .histogram(let points, _) = previous { for point in points { earlier[point.attributes] = point } }
            let deltas = points.compactMap { point in
                point.delta(since: earlier[point.attributes], start: start(point.start))
            }
            return .histogram(deltas, .delta)
        }
    }
}

extension NumberPoint {
    /// Nil if nothing was counted. What has started anew since, counts in whole.
    fileprivate func delta(since earlier: NumberPoint?, start: UInt64) -> NumberPoint? {
        let earlier = earlier?.start == self.start ? earlier : nil
        let value: NumberValue =
            switch (self.value, earlier?.value) {
            case (.int(let new), .int(let old)): .int(new.subtractingAsCount(old))
            case (.double(let new), .double(let old)): .double(max(new - old, 0))
            case (let new, _): new
            }
        return value == .int(0) || value == .double(0) ? nil : NumberPoint(attributes, value, start: start)
    }
}

extension HistogramPoint {
    /// Nil if nothing was counted. What has started anew since, or has other bounds, counts in whole.
    fileprivate func delta(since earlier: HistogramPoint?, start: UInt64) -> HistogramPoint? {
        var result = self
        result.range = nil
        result.start = start
        if let earlier, earlier.start == self.start, earlier.bounds == bounds {
            result.count = count.subtractingSaturated(earlier.count)
            result.sum = max(sum - earlier.sum, 0)
            result.bucketCounts = zip(bucketCounts, earlier.bucketCounts).map { $0.subtractingSaturated($1) }[...]
        }
        return result.count > 0 ? result : nil
    }
}
