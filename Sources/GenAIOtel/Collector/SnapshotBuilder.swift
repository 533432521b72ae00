// Turns a copy of the collector's state into points, outside its lock.

import GenAISupport

/// The values that are copied under the collector's lock: references and numbers.
struct CollectorValues: Sendable {
    var kvCacheUsage: SeriesTable<String, Double>.Series
    var requestsRunning: Int
    var requestsWaiting: Int
    var requestsMax: Int?
    var requests: RequestStore.Values
    /// When they were copied, on the collector's clock.
    var moment: UInt64
    var servers: [RecordedServer]
    var gpus: [RecordedGPU]
}

/// Builds a snapshot from the collector's values.
struct SnapshotBuilder {
    private let values: CollectorValues
    private let startTime: UInt64
    private let now: ContinuousClock.Instant
    private let exemplarsAfter: UInt64?
    private let dateOfZero: UInt64

    /// - Parameters:
    ///   - startTime: when counting began, in nanoseconds since 1970.
    ///   - now: decides which departed models still report 0.
    ///   - exemplarsAfter: when the exemplars' interval began, on the collector's clock; nil for all.
    ///   - dateOfZero: the date when that clock stood at 0.
    init(
        _ values: CollectorValues,
        startTime: UInt64,
        now: ContinuousClock.Instant,
        exemplarsAfter: UInt64?,
        dateOfZero: UInt64
    ) {
        self.values = values
        self.startTime = startTime
        self.now = now
        self.exemplarsAfter = exemplarsAfter
        self.dateOfZero = dateOfZero
    }

    func build(time: UInt64) -> MetricSnapshot {
        var points = PointTable()
        points[.kvCacheUsage] = values.kvCacheUsage.points { NumberPoint($0, .double($1)) }
        points[.requestsRunning] = [NumberPoint([], .int(values.requestsRunning))]
        points[.requestsWaiting] = [NumberPoint([], .int(values.requestsWaiting))]
        points[.requestsMax] = values.requestsMax.map { [NumberPoint([], .int($0))] } ?? []
        addRequests(to: &points, exemplars: ExemplarTable.Interval(start: exemplarsAfter, dateOfZero: dateOfZero))
        var paused = PointTable()
        for server in values.servers {
            points.add(server, at: now, time)
            paused.addPausedCounters(of: server, time)
        }
        return MetricSnapshot(
            time: time,
            metrics: points.metrics.filter { $0.data.pointCount > 0 } + values.gpus.metrics(at: time),
            paused: paused.metrics.filter { $0.data.pointCount > 0 } + values.gpus.pausedMetrics(at: time),
            moment: values.moment
        )
    }
}

extension SnapshotBuilder {
    fileprivate func addRequests(to points: inout PointTable, exemplars: ExemplarTable.Interval) {
        let requests = values.requests
        points[.requestsSucceeded] = requests.counts.indices.map {
            NumberPoint(requests.outcomeAttributes[$0], .int(requests.counts[$0]), start: startTime)
        }
        points[.requestsGood] = requests.good.points(start: startTime)
        for kind in requests.tokens.indices {
            for (figure, sum) in requests.tokens[kind].figures {
                guard let count = sum.value else { continue }
                let attributes = requests.kinds[kind] + figure.row.ownAttributes
                points[figure].append(NumberPoint(attributes, .int(count), start: startTime))
            }
        }
        let histograms: KeyValuePairs = [
            Figure.requestDuration: (requests.duration, requests.outcomeAttributes),
            .queueTime: (requests.queueTime, requests.kinds),
            .timeToFirstToken: (requests.timeToFirstToken, requests.kinds),
            .timePerOutputToken: (requests.timePerOutputToken, requests.outcomeAttributes),
        ]
        for (figure, (table, attributes)) in histograms {
            points.histograms[figure] = table.points(attributes, start: startTime, exemplars: exemplars)
        }
    }
}

extension Figure.Row {
    /// The attribute that tells the figure's points from others of the same metric.
    fileprivate var ownAttributes: [Attribute] {
        attribute.map { [Attribute($0.key, .string($0.value))] } ?? []
    }
}

/// Points by the rows of the table of figures.
private struct PointTable {
    private var numbers = [[NumberPoint]](repeating: [], count: Figure.allCases.count)
    var histograms: [Figure: [HistogramPoint]] = [:]

    subscript(figure: Figure) -> [NumberPoint] {
        _read { yield numbers[Int(figure.rawValue)] }
        _modify { yield &numbers[Int(figure.rawValue)] }
    }

    /// In the order of the table; figures of one metric stand together in it.
    var metrics: [Metric] {
        var result: [Metric] = []
        for figure in Figure.allCases {
            let row = figure.row
            switch row.kind {
            case .percentage, .count:
                result.append(Metric(row.metric, .gauge(self[figure])))
            case .sum:
                let earlier = result.last?.descriptor == row.metric ? result.removeLast().points : []
                result.append(Metric(row.metric, .sum(earlier + self[figure], .cumulative)))
            case .histogram:
                result.append(Metric(row.metric, .histogram(histograms[figure] ?? [], .cumulative)))
            }
        }
        return result
    }

    mutating func add(_ server: RecordedServer, at now: ContinuousClock.Instant, _ time: UInt64) {
        let identity = server.reading.server
        func attributes(_ model: String?) -> [Attribute] { identity.pointAttributes("engine", "model", model: model) }
        self[.up].append(NumberPoint(attributes(nil), .int(server.reading.isUp ? 1 : 0)))
        add(server.reading.figures, attributes(nil))
        for model in server.reading.models {
            add(model.figures, attributes(model.model))
            for element in model.figures.elements where element.figure.row.kind.isCounter {
                addCounter(RecordedServer.CounterKey(model: model.model, figure: element.figure), of: server, time)
            }
        }
        for (name, departed) in server.departed where server.reading.tellsFigures && departed.isZero(at: now) {
            add(departed.figures, attributes(name))
        }
        if server.reading.tellsFigures {
            let keys = server.counters.keys.filter(\.figure.row.isCountedByPolls)
            for key in keys.sorted(by: { ($0.model ?? "") < ($1.model ?? "") }) { addCounter(key, of: server, time) }
        }
        if let overflow = server.overflow { add(overflow, attributes(nil) + [.overflow]) }
    }

    /// The counters that the server does not report at present: it is down or busy, or the model is not loaded.
    mutating func addPausedCounters(of server: RecordedServer, _ time: UInt64) {
        guard !server.counters.isEmpty else { return }
        var reported: Set<RecordedServer.CounterKey> = []
        for model in server.reading.models {
            for element in model.figures.elements {
                reported.insert(RecordedServer.CounterKey(model: model.model, figure: element.figure))
            }
        }
        for key in server.counters.keys where !reported.contains(key) {
            let isReported = key.figure.row.isCountedByPolls && server.reading.tellsFigures
            if !isReported { addCounter(key, of: server, time) }
        }
    }

    private mutating func add(_ gauges: Figures, _ attributes: [Attribute]) {
        for element in gauges.elements where !element.figure.row.kind.isCounter {
            switch element.value {
            case .int(let number): self[element.figure].append(NumberPoint(attributes, .int(number)))
            case .double(let number): self[element.figure].append(NumberPoint(attributes, .double(number)))
            case .histogram: break
            }
        }
    }

    private mutating func addCounter(_ key: RecordedServer.CounterKey, of server: RecordedServer, _ time: UInt64) {
        guard let counter = server.counters[key] else { return }
        let row = key.figure.row
        let names = row.isCountedByPolls ? ("engine", "model") : ("gen_ai.provider.name", "gen_ai.request.model")
        let attributes =
            server.reading.server.pointAttributes(names.0, names.1, model: key.model) + row.ownAttributes
        // The date may have been set back since the reading, or the server's clock may be ahead.
        let start = min(counter.start, time)
        switch (counter.value, counter.accumulated) {
        case (.int(let number), .int(let accumulated)):
            self[key.figure].append(
                NumberPoint(attributes, .int(number), start: start, accumulated: .int(accumulated))
            )
        case (.histogram(let histogram), .histogram(let accumulated)):
            histograms[key.figure, default: []].append(
                HistogramPoint(attributes, histogram, start: start, accumulated: accumulated)
            )
        default: break
        }
    }
}
