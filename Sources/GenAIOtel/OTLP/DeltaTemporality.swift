// Converts values since the beginning into values since the last export.

import GenAISupport

/// Turns cumulative snapshots into delta ones (OpenTelemetry metrics data model, "Temporality").
///
/// The previous snapshot is kept and subtracted, so the intervals of the deltas follow one another without gap or overlap. A
/// delta that is given up before the next one is made is taken back: the next one then covers its time too.
struct DeltaTemporality: Sendable {
    /// The last exported point of a series.
    private struct Exported<Point: Sendable>: Sendable {
        /// Nil if none was exported.
        var point: Point?
        /// The end of the exported interval.
        var time: UInt64
    }

    /// Everything that was exported up to a moment.
    private struct Baseline: Sendable {
        var time: UInt64
        var numbers: [MetricDescriptor: [[Attribute]: Exported<NumberPoint>]] = [:]
        var histograms: [MetricDescriptor: [[Attribute]: Exported<HistogramPoint>]] = [:]
    }

    private var last: Baseline?
    private var beforeLast: Baseline?
    /// The parts of the last delta, if it was split.
    private var parts: [MetricSnapshot] = []
    /// Whether the last delta has not been taken back.
    private var canTakeBack = false

    /// The snapshot with sums and histograms since the previous one. Series in which nothing was counted are left out.
    ///
    /// Minimum and maximum are left out too: those of an interval can't be derived from those since the beginning.
    mutating func next(_ snapshot: MetricSnapshot) -> MetricSnapshot {
        var baseline = Baseline(time: snapshot.time)
        var metrics: [Metric] = []
        for var metric in snapshot.metrics {
            let name = metric.descriptor
            switch metric.data {
            // Exponential histograms are made from the result, after this step.
            case .gauge, .upDownSum, .exponentialHistogram: break
            case .sum(let points, _):
                let earlier = last?.numbers[name] ?? [:]
                metric.data = .sum(points.compactMap { delta($0, since: earlier[$0.attributes]) }, .delta)
                for point in points {
                    baseline.numbers[name, default: [:]][point.attributes] = Exported(point: point, time: snapshot.time)
                }
            case .histogram(let points, _):
                let earlier = last?.histograms[name] ?? [:]
                metric.data = .histogram(points.compactMap { delta($0, since: earlier[$0.attributes]) }, .delta)
                for point in points {
                    baseline.histograms[name, default: [:]][point.attributes] = Exported(
                        point: point,
                        time: snapshot.time
                    )
                }
            }
            metrics.append(metric)
        }
        carryOver(snapshot.paused, to: &baseline)
        (beforeLast, last) = (last, baseline)
        canTakeBack = true
        parts = []
        return MetricSnapshot(time: snapshot.time, metrics: metrics.filter { $0.data.pointCount > 0 })
    }

    /// Remembers how the last delta was split, so that parts of it can be taken back.
    mutating func keep(parts: [MetricSnapshot]) { self.parts = parts }

    /// Takes back the last delta or one part of it, if it has the given time.
    mutating func takeBack(time: UInt64, part: Int? = nil) {
        guard canTakeBack, last?.time == time else { return }
        guard let part else {
            last = beforeLast
            canTakeBack = false
            return
        }
        guard parts.indices.contains(part) else { return }
        for metric in parts[part].metrics {
            let name = metric.descriptor
            switch metric.data {
            case .gauge, .upDownSum: break
            case .sum(let points, _):
                for key in points.lazy.map(\.attributes) {
                    last?.numbers[name]?[key] =
                        beforeLast?.numbers[name]?[key] ?? Exported(point: nil, time: beforeLast?.time ?? 0)
                }
            case .histogram(let points, _), .exponentialHistogram(let points, _):
                for key in points.lazy.map(\.attributes) {
                    last?.histograms[name]?[key] =
                        beforeLast?.histograms[name]?[key] ?? Exported(point: nil, time: beforeLast?.time ?? 0)
                }
            }
        }
        parts[part].metrics = []
    }

    /// Keeps the last exported points of paused series, so that their next delta continues from there.
    private func carryOver(_ paused: [Metric], to baseline: inout Baseline) {
        for metric in paused {
            let name = metric.descriptor
            switch metric.data {
            case .gauge, .upDownSum, .exponentialHistogram: break
            case .sum(let points, _):
                for point in points {
                    baseline.numbers[name, default: [:]][point.attributes] = last?.numbers[name]?[point.attributes]
                }
            case .histogram(let points, _):
                for point in points {
                    baseline.histograms[name, default: [:]][point.attributes] =
                        last?.histograms[name]?[point.attributes]
                }
            }
        }
    }

    /// Nil if nothing was counted. After a restart, the whole value counts.
    private func delta(_ point: NumberPoint, since exported: Exported<NumberPoint>?) -> NumberPoint? {
        let isContinued = point.accumulated != nil || exported?.point?.start == point.start
        let earlier = isContinued ? exported?.point : nil
        let old = earlier.map { $0.accumulated ?? $0.value }
        let value: NumberValue =
            switch (point.accumulated ?? point.value, old) {
            case (.int(let new), .int(let old)): .int(new.subtractingAsCount(old))
            case (.double(let new), .double(let old)): .double(max(new - old, 0))
            case (let new, _): new
            }
        guard value != .int(0), value != .double(0) else { return nil }
        return NumberPoint(point.attributes, value, start: start(point.start, exported?.time, isKnown: earlier != nil))
    }

    /// Nil if nothing was counted. After a restart, or with other bounds, the whole value counts.
    private func delta(_ point: HistogramPoint, since exported: Exported<HistogramPoint>?) -> HistogramPoint? {
        var result = point.counted
        let old = exported?.point?.counted
        let isContinued =
            old.map { old in
                // If the bounds were different in between, counting began again from nothing.
                let hasFallen = zip(result.bucketCounts, old.bucketCounts).contains { $0 < $1 }
                return old.bounds == point.bounds && !hasFallen
                    && (point.accumulated != nil || old.start == point.start)
            } ?? false
        result.range = nil
        result.start = start(point.start, exported?.time, isKnown: isContinued)
        if isContinued, let old {
            result.count = result.count.subtractingSaturated(old.count)
            result.sum = max(result.sum - old.sum, 0)
            result.bucketCounts = zip(result.bucketCounts, old.bucketCounts).map { $0.subtractingSaturated($1) }[...]
            if let buckets = result.exponential, let old = old.exponential {
                result.exponential = buckets.subtracting(old)
            }
        }
        return result.count > 0 ? result : nil
    }

    /// A known series continues from its last export. A series that started later counts from its own start.
    private func start(_ own: UInt64, _ exported: UInt64?, isKnown: Bool) -> UInt64 {
        guard let last else { return own }
        let end = exported ?? last.time
        return isKnown ? end : max(end, own)
    }
}

extension HistogramPoint {
    /// The point, with the values that this process has seen counted.
    fileprivate var counted: HistogramPoint {
        accumulated.map { HistogramPoint(attributes, $0, start: start) } ?? self
    }
}
