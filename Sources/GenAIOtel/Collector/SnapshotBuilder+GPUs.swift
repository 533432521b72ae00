// Turns the readings of GPUs into points, row by row of the table of GPU figures.

import GPUPoller
import GenAISupport

extension [RecordedGPU] {
    /// The metrics of the GPUs that are there. Figures of one metric stand together in the table.
    func metrics(at time: UInt64) -> [Metric] {
        let present = filter(\.isPresent)
        guard !present.isEmpty else { return [] }
        return GPUFigure.allCases.reduce(into: []) { metrics, figure in
            present.addPoints(of: figure, at: time, to: &metrics)
        }
    }

    /// The counters that are not reported at present: the GPU is gone, or does not report them.
    func pausedMetrics(at time: UInt64) -> [Metric] {
        var metrics: [Metric] = []
        for figure in GPUFigure.allCases where figure.row.kind == .sum {
            let points = compactMap { gpu in
                gpu.isPresent && gpu.reading[figure] != nil ? nil : gpu.point(of: figure, at: time)
            }
            metrics.append(figure, points)
        }
        return metrics
    }

    private func addPoints(of figure: GPUFigure, at time: UInt64, to metrics: inout [Metric]) {
        metrics.append(figure, compactMap { $0.reading[figure] == nil ? nil : $0.point(of: figure, at: time) })
    }
}

extension [Metric] {
    fileprivate mutating func append(_ figure: GPUFigure, _ points: [NumberPoint]) {
        guard !points.isEmpty else { return }
        let row = figure.row
        let earlier = last?.descriptor == row.metric ? removeLast().points : []
        switch row.kind {
        case .gauge: append(Metric(row.metric, .gauge(earlier + points)))
        case .upDownSum: append(Metric(row.metric, .upDownSum(earlier + points)))
        case .sum: append(Metric(row.metric, .sum(earlier + points, .cumulative)))
        }
    }
}

extension RecordedGPU {
    fileprivate func point(of figure: GPUFigure, at time: UInt64) -> NumberPoint? {
        let row = figure.row
        let attributes = attributes + row.attributes.map { Attribute($0.key, .string($0.value)) }
        func number(_ value: Double) -> NumberValue { row.isWhole ? .int(Int(countNearest: value)) : .double(value) }
        // The date may have been set back since the reading.
        let start = min(start, time)
        switch row.kind {
        case .gauge: return reading[figure].map { NumberPoint(attributes, number($0)) }
        case .upDownSum: return reading[figure].map { NumberPoint(attributes, number($0), start: start) }
        case .sum:
            return counters[figure].map { counter in
                NumberPoint(attributes, number(counter.value), start: start, accumulated: number(counter.seen))
            }
        }
    }
}
