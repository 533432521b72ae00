// Turns a copy of the collector's state into points, outside its lock.

import GenAISupport

/// What is copied under the collector's lock: references and numbers.
struct CollectorValues: Sendable {
    var kvCacheUsage: SeriesTable<String, Double>.Series
    var requestsRunning: Int
    var requestsWaiting: Int
    var requestsMax: Int?
    var requests: RequestStore.Values
    var servers: [RecordedServer]
}

/// Builds a snapshot from the collector's values.
struct SnapshotBuilder {
    private let values: CollectorValues
    private let startTime: UInt64
    private let now: ContinuousClock.Instant

    /// - Parameters:
    ///   - startTime: when counting began, in nanoseconds since 1970.
    ///   - now: decides which departed models still report 0.
    init(_ values: CollectorValues, startTime: UInt64, now: ContinuousClock.Instant) {
        self.values = values
        self.startTime = startTime
        self.now = now
    }

    func build(time: UInt64) -> MetricSnapshot {
        var points = PointTable()
        points[.kvCacheUsage] = values.kvCacheUsage.points { NumberPoint($0, .double($1)) }
        points[.requestsRunning] = [NumberPoint([], .int(values.requestsRunning))]
        points[.requestsWaiting] = [NumberPoint([], .int(values.requestsWaiting))]
        points[.requestsMax] = values.requestsMax.map { [NumberPoint([], .int($0))] } ?? []
        for server in values.servers { points.add(server, at: now) }
        let metrics = points.metrics + requestMetrics
        return MetricSnapshot(time: time, metrics: metrics.filter { $0.data.pointCount > 0 })
    }

    private var requestMetrics: [Metric] {
        let requests = values.requests
        let counts = requests.counts.indices.map {
            NumberPoint(requests.outcomeAttributes[$0], .int(requests.counts[$0]), start: startTime)
        }
        func histogram(
            _ descriptor: MetricDescriptor,
            _ table: HistogramTable,
            _ attributes: PagedArray<[Attribute]>
        ) -> Metric {
            Metric(descriptor, .histogram(table.points(attributes, start: startTime), .cumulative))
        }
        return [
            Metric(.requests, .sum(counts, .cumulative)),
            histogram(.requestDuration, requests.duration, requests.outcomeAttributes),
            histogram(.timeToFirstToken, requests.timeToFirstToken, requests.kinds),
            histogram(.timePerOutputToken, requests.timePerOutputToken, requests.kinds),
        ]
    }
}

/// The points of gauges, by the rows of the table of figures.
private struct PointTable {
    private var columns = [[NumberPoint]](repeating: [], count: Figure.allCases.count)

    subscript(figure: Figure) -> [NumberPoint] {
        _read { yield columns[Int(figure.rawValue)] }
        _modify { yield &columns[Int(figure.rawValue)] }
    }

    var metrics: [Metric] { Figure.allCases.map { Metric($0.row.metric, self[$0]) } }

    mutating func add(_ server: RecordedServer, at now: ContinuousClock.Instant) {
        let attributes = server.reading.server.pointAttributes
        self[.up].append(NumberPoint(attributes, .int(server.reading.isUp ? 1 : 0)))
        add(server.reading.figures, attributes)
        for model in server.reading.models {
            add(model.figures, model.model.map { attributes + [Attribute("model", .string($0))] } ?? attributes)
        }
        for (name, departed) in server.departed where departed.isZero(at: now) {
            add(departed.figures, attributes + [Attribute("model", .string(name))])
        }
        if let overflow = server.overflow { add(overflow, attributes + [.overflow]) }
    }

    private mutating func add(_ figures: Figures, _ attributes: [Attribute]) {
        for element in figures.elements {
            switch element.value {
            case .int(let number): self[element.figure].append(NumberPoint(attributes, .int(number)))
            case .double(let number): self[element.figure].append(NumberPoint(attributes, .double(number)))
            case .histogram: break
            }
        }
    }
}
