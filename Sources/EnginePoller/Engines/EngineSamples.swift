// Computes an engine's figures from the samples of its page.

import Foundation
import GenAISupport

/// The samples of one page, read as those of one engine.
///
/// Everything is computed for each replica. If several lines are views of one replica, the largest value counts. If they are
/// parts of a count, they are added up.
// A class, because closures would retain each part of a struct that they capture.
final class EngineSamples {
    let engine: Engine
    let page: PrometheusPage

    init(engine: Engine, page: PrometheusPage) {
        self.engine = engine
        self.page = page
    }

    /// A value for each replica of the page; empty if there is none at all.
    private typealias Column = [Double?]

    private var replicas: [Replica] { page.labels.replicas }

    /// The figure of each replica that has it.
    func values(of formula: Engine.Formula, _ kind: Figure.Kind) -> [(replica: Int, value: FigureValue)] {
        switch formula {
        case .sum(let series):
            values(kind, series.map(sums)) { $0.lazy.compactMap(\.self).reduce(0, +) }
        case .sumOfAll(let series):
            values(kind, series.map(sums)) { $0.contains(nil) ? nil : $0.lazy.compactMap(\.self).reduce(0, +) }
        case .difference(let one, let other):
            values(kind, [sums(one), sums(other)]) { values in values[0].map { $0 - (values[1] ?? 0) } }
        case .product(let one, let other):
            values(kind, [sums(one), sums(other)]) { values in both(values).map { $0 * $1 } }
        case .quotient(let one, let other):
            values(kind, [sums(one), sums(other)]) { values in both(values).flatMap { $1 > 0 ? $0 / $1 * 100 : nil } }
        case .ratio(let series, let others):
            values(kind, (series + others).map(sums)) { values in
                let first = values.prefix(series.count).lazy.compactMap(\.self).first
                return (values.dropFirst(series.count) + [first]).lazy.compactMap(\.self).max().map { $0 * 100 }
            }
        case .labels(let metric, let alternatives):
            values(kind, [labelValues(metric, alternatives)]) { $0[0] }
        case .histogram(let histograms, let divisor):
            histograms.lazy.map { self.values(of: $0, divisor) }.first { !$0.isEmpty } ?? []
        }
    }

    /// When each replica began to count, if the page tells.
    var startTimes: [Date?] {
        var starts = Column(repeating: nil, count: replicas.count)
        for metric in engine.starts {
            for sample in page[metric] where sample.value > 0 {
                let replica = page.labels.sets[sample.labels].replica
                starts[replica] = min(starts[replica] ?? sample.value, sample.value)
            }
        }
        for sample in page[Self.processStart] where sample.value > 0 {
            // A page may be collected from several processes. Their labels are then labels of the replicas too.
            let process = Set(replicas[page.labels.sets[sample.labels].replica].name.split(separator: ","))
            for index in starts.indices where starts[index] == nil {
                guard process.isEmpty || process.isSubset(of: replicas[index].name.split(separator: ",")) else {
                    continue
                }
                starts[index] = sample.value
            }
        }
        return starts.map { $0.map(Date.init(timeIntervalSince1970:)) }
    }

    static let processStart = "process_start_time_seconds"

    // MARK: Numbers

    private func values(
        _ kind: Figure.Kind,
        _ columns: [Column],
        _ combine: ([Double?]) -> Double?
    ) -> [(replica: Int, value: FigureValue)] {
        guard columns.contains(where: { !$0.isEmpty }) else { return [] }
        var result: [(replica: Int, value: FigureValue)] = []
        var row = Column(repeating: nil, count: columns.count)
        for replica in replicas.indices {
            for (index, column) in columns.enumerated() { row[index] = column.isEmpty ? nil : column[replica] }
            guard row.contains(where: { $0 != nil }), let number = combine(row), !number.isNaN else { continue }
            result.append(
                (replica, kind == .percentage ? .double(min(max(number, 0), 100)) : .int(Int(countNearest: number)))
            )
        }
        return result
    }

    private func both(_ values: [Double?]) -> (Double, Double)? {
        values[0].flatMap { one in values[1].map { (one, $0) } }
    }

    private func sums(_ series: Engine.Series) -> Column {
        let samples = page[series.metric]
        return column(
            series.label.isEmpty ? samples : samples.filter { series.matches(page.labels.sets[$0.labels].parts) }
        )
    }

    /// The numbers in the labels of an information metric.
    private func labelValues(_ metric: String, _ alternatives: [[String]]) -> Column {
        column(
            page[metric].compactMap { sample in
                let parts = page.labels.sets[sample.labels].parts
                return alternatives.lazy.compactMap { names in
                    names.reduce(1) { product, name in
                        product.flatMap { product in parts[name].flatMap(Double.init).map { product * $0 } }
                    }
                }.first.map { PrometheusPage.Sample(labels: sample.labels, value: $0) }
            }
        )
    }

    /// The largest value of each set of labels.
    private func largest(_ samples: [PrometheusPage.Sample]) -> Column {
        var bySet = Column(repeating: nil, count: page.labels.sets.count)
        for sample in samples { bySet[sample.labels] = max(bySet[sample.labels] ?? sample.value, sample.value) }
        return bySet
    }

    /// The largest value of each set of labels, added up for each replica.
    private func column(_ samples: [PrometheusPage.Sample]) -> Column {
        guard !samples.isEmpty else { return [] }
        let bySet = largest(samples)
        var byReplica = Column(repeating: nil, count: replicas.count)
        for (set, value) in zip(page.labels.sets, bySet) {
            if let value { byReplica[set.replica] = (byReplica[set.replica] ?? 0) + value }
        }
        return byReplica
    }

    // MARK: Histograms

    /// The buckets of one set of labels, as a page has them: each counts all values up to its bound.
    private struct Buckets {
        var bounds: [Double] = []
        var counts: [Double] = []

        init(capacity: Int) {
            bounds.reserveCapacity(capacity)
            counts.reserveCapacity(capacity)
        }
    }

    private func values(of histogram: Engine.Histogram, _ divisor: Double) -> [(replica: Int, value: FigureValue)] {
        let samples = page[histogram.bucket]
        guard !samples.isEmpty else { return [] }
        let sums = largest(page[histogram.sum])
        let counts = largest(page[histogram.count])
        var parts: [Int: FigureValue?] = [:]
        for (set, buckets) in buckets(samples) {
            let replica = page.labels.sets[set].replica
            let part = sums[set].flatMap { self.histogram(buckets, count: counts[set], sum: $0, divisor) }
            // A replica with an unusable part is left out as a whole.
            parts[replica] = parts[replica].map { known in known.flatMap { known in part.flatMap(known.sum) } } ?? part
        }
        return parts.sorted { $0.key < $1.key }.compactMap { replica, value in value.map { (replica, $0) } }
    }

    /// The buckets of each set of labels, in the order of the page. The lines of one set mostly stand together.
    private func buckets(_ samples: [PrometheusPage.Sample]) -> [(set: Int, buckets: Buckets)] {
        var result: [(set: Int, buckets: Buckets)] = []
        var position = 0
        for sample in samples {
            if position >= result.count || result[position].set != sample.labels {
                position = result.firstIndex { $0.set == sample.labels } ?? result.count
            }
            if position == result.count {
                // Mostly all sets have the same number of buckets.
                result.append((sample.labels, Buckets(capacity: result.first?.buckets.bounds.count ?? 0)))
            }
            result[position].buckets.bounds.append(sample.bound ?? .nan)
            result[position].buckets.counts.append(sample.value)
        }
        return result
    }

    /// Nil if the buckets are not those of a histogram.
    private func histogram(_ buckets: Buckets, count: Double?, sum: Double, _ divisor: Double) -> FigureValue? {
        var bounds: [Double] = []
        var counts: [UInt64] = []
        bounds.reserveCapacity(buckets.bounds.count)
        counts.reserveCapacity(buckets.bounds.count + 1)
        var below: UInt64 = 0
        func add(_ bound: Double, _ cumulative: UInt64) -> Bool {
            guard cumulative >= below else { return false }
            counts.append(cumulative - below)
            below = cumulative
            if bound < .infinity { bounds.append(bound / divisor) }
            return true
        }
        guard buckets.bounds.allSatisfy({ !$0.isNaN }) else { return nil }
        // Most pages have the buckets in order. Views of one replica follow one another, with the same bounds.
        let isSorted = zip(buckets.bounds, buckets.bounds.dropFirst()).allSatisfy { $0 < $1 }
        let order =
            isSorted
            ? []
            : buckets.bounds.indices.sorted {
                (buckets.bounds[$0], buckets.counts[$0]) < (buckets.bounds[$1], buckets.counts[$1])
            }
        for position in buckets.bounds.indices {
            let index = isSorted ? position : order[position]
            let bound = buckets.bounds[index]
            if !isSorted, position + 1 < order.count, buckets.bounds[order[position + 1]] == bound { continue }
            guard add(bound, UInt64(Int(countNearest: buckets.counts[index]))) else { return nil }
        }
        // If the last bucket is missing, it is computed from the number of all values.
        if counts.count == bounds.count {
            guard let count, add(.infinity, UInt64(Int(countNearest: count))) else { return nil }
        }
        return .histogram(HistogramReading(bounds: bounds, bucketCounts: counts, sum: max(sum / divisor, 0)))
    }
}
