// Mirrors the collector into swift-metrics, for applications that export with another backend.

import GenAIOtel
import Metrics

actor MetricsMirror {
    private struct Series: Hashable {
        var name: String
        var attributes: [String: String]

        var dimensions: [(String, String)] { attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
        /// Polled servers and GPUs have counted before this process began to look.
        var countsFromZero: Bool { attributes["server.address"] == nil && attributes["hw.id"] == nil }
    }

    private let collector: ServerMetricsCollector
    private let factory: any MetricsFactory
    private var meters: [Series: Meter] = [:]
    private var counters: [Series: (counter: FloatingPointCounter, value: Double)] = [:]

    init(_ collector: ServerMetricsCollector, into factory: any MetricsFactory = MetricsSystem.factory) {
        self.collector = collector
        self.factory = factory
    }

    /// Mirrors the values at each interval until the task is cancelled, and once more then.
    func run(every interval: Duration = .seconds(10)) async {
        while !Task.isCancelled {
            update()
            try? await Task.sleep(for: interval)
        }
        update()
    }

    /// Mirrors the values as they are now.
    func update() {
        var present: Set<Series> = []
        for point in collector.points() {
            let series = Series(name: point.name, attributes: point.attributes)
            present.insert(series)
            switch (point.kind, point.value) {
            case (.counter, .int(let value)): count(Double(value), series)
            case (.counter, .double(let value)): count(value, series)
            case (_, .int(let value)): set(Double(value), series)
            case (_, .double(let value)): set(value, series)
            case (_, .histogram(let histogram)):
                // swift-metrics takes no buckets. Count and sum still give the mean.
                count(Double(histogram.count), Series(name: point.name + ".count", attributes: point.attributes))
                count(histogram.sum, Series(name: point.name + ".sum", attributes: point.attributes))
            }
        }
        // The gauges of a server that is down have no value: the last one must not stay.
        for series in meters.keys where !present.contains(series) {
            meters.removeValue(forKey: series)?.destroy()
        }
    }

    private func set(_ value: Double, _ series: Series) {
        let meter = meters[series] ?? Meter(label: series.name, dimensions: series.dimensions, factory: factory)
        meters[series] = meter
        meter.set(value)
    }

    /// A counter is told what was added. A value that falls has begun anew.
    private func count(_ value: Double, _ series: Series) {
        let (counter, last) =
            counters[series] ?? (
                FloatingPointCounter(label: series.name, dimensions: series.dimensions, factory: factory),
                series.countsFromZero ? 0 : value
            )
        counter.increment(by: value < last ? value : value - last)
        counters[series] = (counter, value)
    }
}
