// Turns a copy of the collector's state into points, outside its lock.

import GenAISupport

/// What is copied under the collector's lock: references and numbers.
struct CollectorValues: Sendable {
    var kvCacheUsage: SeriesTable<String, Double>.Series
    var requestsRunning: Int
    var requestsWaiting: Int
    var requestsMax: Int?
    var requests: RequestStore.Values
    var servers: [ReadingStore.Entry]
}

/// Builds a snapshot from the collector's values.
struct SnapshotBuilder {
    private let values: CollectorValues
    private let startTime: UInt64

    /// - Parameter startTime: when counting began.
    init(_ values: CollectorValues, startTime: UInt64) {
        self.values = values
        self.startTime = startTime
    }

    func build(time: UInt64) -> MetricSnapshot {
        let servers = ServerPoints(values.servers)
        let gauges = [
            Metric(.kvCacheUsage, kvCacheUsage(and: servers.kvCacheUsage)),
            Metric(.requestsRunning, [NumberPoint([], .int(values.requestsRunning))] + servers.requestsRunning),
            Metric(.requestsWaiting, [NumberPoint([], .int(values.requestsWaiting))] + servers.requestsWaiting),
            Metric(.requestsMax, requestsMax + servers.requestsMax),
            Metric(.modelsLoaded, servers.modelsLoaded),
            Metric(.modelVRAM, servers.modelVRAM),
            Metric(.up, servers.up),
        ]
        // The date may have been set back since.
        let metrics = gauges + requestMetrics(Accumulation(start: min(startTime, time), .cumulative))
        return MetricSnapshot(time: time, metrics: metrics.filter { $0.data.pointCount > 0 })
    }

    private func requestMetrics(_ accumulation: Accumulation) -> [Metric] {
        let requests = values.requests
        let counts = zip(requests.outcomes.attributes, requests.outcomes.values).map { NumberPoint($0, .int($1)) }
        func histogram(_ descriptor: MetricDescriptor, _ table: HistogramTable, _ series: [[Attribute]]) -> Metric {
            Metric(descriptor, .histogram(table.points(series), bounds: table.bounds, accumulation))
        }
        return [
            Metric(.requests, .sum(counts, accumulation)),
            histogram(.requestDuration, requests.duration, requests.outcomes.attributes),
            histogram(.timeToFirstToken, requests.timeToFirstToken, requests.kinds),
            histogram(.timePerOutputToken, requests.timePerOutputToken, requests.kinds),
        ]
    }

    private func kvCacheUsage(and others: [NumberPoint]) -> [NumberPoint] {
        let series = values.kvCacheUsage
        var points: [NumberPoint] = []
        points.reserveCapacity(series.values.count + others.count)
        for position in series.values.indices {
            points.append(NumberPoint(series.attributes[position], .double(series.values[position])))
        }
        points += others
        return points
    }

    private var requestsMax: [NumberPoint] {
        values.requestsMax.map { [NumberPoint([], .int($0))] } ?? []
    }
}

/// The points of all polled servers, by metric.
private struct ServerPoints {
    var kvCacheUsage: [NumberPoint] = []
    var requestsRunning: [NumberPoint] = []
    var requestsWaiting: [NumberPoint] = []
    var requestsMax: [NumberPoint] = []
    var modelsLoaded: [NumberPoint] = []
    var modelVRAM: [NumberPoint] = []
    var up: [NumberPoint] = []

    init(_ entries: [ReadingStore.Entry]) {
        for entry in entries { add(entry) }
    }

    private mutating func add(_ entry: ReadingStore.Entry) {
        let server = entry.reading.server.pointAttributes
        up.append(NumberPoint(server, .int(entry.reading.isUp ? 1 : 0)))
        if let count = entry.reading.modelsLoaded { modelsLoaded.append(NumberPoint(server, .int(count))) }
        for model in entry.reading.models {
            add(model, model.model.map { server + [Attribute("model", .string($0))] } ?? server)
        }
        for (name, departed) in entry.departed {
            add(departed.figures, server + [Attribute("model", .string(name))])
        }
        if let overflow = entry.overflow { add(overflow, server + [.overflow]) }
    }

    private mutating func add(_ model: ModelReading, _ attributes: [Attribute]) {
        if let value = model.kvCacheUsage { kvCacheUsage.append(NumberPoint(attributes, .double(value))) }
        if let value = model.vram { modelVRAM.append(NumberPoint(attributes, .int(value))) }
        if let value = model.requestsRunning { requestsRunning.append(NumberPoint(attributes, .int(value))) }
        if let value = model.requestsWaiting { requestsWaiting.append(NumberPoint(attributes, .int(value))) }
        if let value = model.requestsMax { requestsMax.append(NumberPoint(attributes, .int(value))) }
    }
}

extension ServerIdentity {
    /// The attributes that tell servers apart (`server.address` and `server.port`: OpenTelemetry semantic conventions).
    fileprivate var pointAttributes: [Attribute] {
        var result = [Attribute("server.address", .string(address)), Attribute("server.port", .int(port))]
        if let engine { result.insert(Attribute("engine", .string(engine)), at: 0) }
        if let path { result.append(Attribute("url.path", .string(path))) }
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) { result.append(Attribute(key, .string(value))) }
        return result
    }
}
