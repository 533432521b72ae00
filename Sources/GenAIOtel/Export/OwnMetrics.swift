// Metrics about the exporter itself, if they are configured.

import GenAISupport

/// Counts the outcomes of exports and turns them into metrics (OpenTelemetry semantic conventions, "OpenTelemetry SDK
/// metrics").
final class OwnMetrics: Sendable {
    /// A duration's histogram, of one bucket.
    private struct Durations: Sendable {
        var count: UInt64 = 0
        var sum = 0.0
        var range: ClosedRange<Double>?

        mutating func record(_ duration: Duration) {
            let seconds = max(duration / .seconds(1), 0)
            count = count.addingSaturated(1)
            sum += seconds
            range = min(range?.lowerBound ?? seconds, seconds)...max(range?.upperBound ?? seconds, seconds)
        }
    }

    /// Counts and durations by `error.type`; nil stands for success.
    private struct State: Sendable {
        var exported: [String?: Int] = [:]
        var inFlight = 0
        var operations: [String?: Durations] = [:]
        var collections = Durations()
    }

    private let exporter: [Attribute]
    private let startTime: UInt64
    private let state = Locked(State())

    /// - Parameter startTime: when counting begins, in nanoseconds since 1970.
    init(_ configuration: OTLPConfiguration, startTime: UInt64) {
        let type =
            switch configuration.protocol {
            case .httpJSON: "otlp_http_json_metric_exporter"
            case .httpProtobuf: "otlp_http_metric_exporter"
            }
        var attributes = Self.component(type)
        if let endpoint = try? HTTPEndpoint(configuration.endpoint.absoluteString) {
            attributes.append(Attribute("server.address", .string(endpoint.host)))
            attributes.append(Attribute("server.port", .int(endpoint.port)))
        }
        exporter = attributes
        self.startTime = startTime
    }

    private static func component(_ type: String) -> [Attribute] {
        [Attribute("otel.component.type", .string(type)), Attribute("otel.component.name", .string("\(type)/0"))]
    }

    // MARK: Outcomes of exports

    /// Points were handed to the exporter.
    func accepted(points: Int) { state.withLock { $0.inFlight = $0.inFlight.addingAsCount(points) } }

    /// Points were delivered, except for the rejected ones.
    func delivered(points: Int, rejected: Int) {
        let rejected = min(rejected, points)
        end(points - rejected, nil)
        if rejected > 0 { end(rejected, "rejected") }
    }

    /// Points were given up.
    func failed(points: Int, errorType: String) { end(points, errorType) }

    /// An attempt to deliver an export has ended, repetitions included.
    func sent(in duration: Duration, errorType: String?) {
        state.withLock { $0.operations[errorType, default: Durations()].record(duration) }
    }

    private func end(_ points: Int, _ errorType: String?) {
        state.withLock { state in
            state.exported[errorType] = (state.exported[errorType] ?? 0).addingAsCount(points)
            state.inFlight = state.inFlight.subtractingAsCount(points)
        }
    }

    // MARK: The metrics

    /// Adds the metrics to a snapshot, and counts the time that it took to collect.
    func add(to snapshot: inout MetricSnapshot, collectedIn duration: Duration) {
        let state = state.withLock { state in
            state.collections.record(duration)
            return state
        }
        func attributes(_ errorType: String?) -> [Attribute] {
            exporter + (errorType.map { [Attribute("error.type", .string($0))] } ?? [])
        }
        let exported = state.exported.sorted { $0.key ?? "" < $1.key ?? "" }
            .map { NumberPoint(attributes($0.key), .int($0.value), start: startTime) }
        let operations = state.operations.sorted { $0.key ?? "" < $1.key ?? "" }
            .map { point(attributes($0.key), $0.value) }
        let own = [
            Metric(Self.exported, .sum(exported, .cumulative)),
            Metric(Self.inFlight, .upDownSum([NumberPoint(exporter, .int(state.inFlight), start: startTime)])),
            Metric(Self.operationDuration, .histogram(operations, .cumulative)),
            Metric(
                Self.collectionDuration,
                .histogram([point(Self.component("periodic_metric_reader"), state.collections)], .cumulative)
            ),
        ]
        for var metric in own where metric.data.pointCount > 0 {
            metric.scope = .exporter
            snapshot.metrics.append(metric)
        }
    }

    private func point(_ attributes: [Attribute], _ durations: Durations) -> HistogramPoint {
        HistogramPoint(
            attributes,
            bounds: [],
            bucketCounts: [durations.count],
            count: durations.count,
            sum: durations.sum,
            range: durations.range,
            start: startTime
        )
    }

    private static let exported = MetricDescriptor(
        name: "otel.sdk.exporter.metric_data_point.exported",
        unit: "{data_point}",
        description: "Number of points whose export has ended, well or not"
    )
    private static let inFlight = MetricDescriptor(
        name: "otel.sdk.exporter.metric_data_point.inflight",
        unit: "{data_point}",
        description: "Number of points that wait for the end of their export"
    )
    private static let operationDuration = MetricDescriptor(
        name: "otel.sdk.exporter.operation.duration",
        unit: "s",
        description: "Time that the delivery of an export took, repetitions included"
    )
    private static let collectionDuration = MetricDescriptor(
        name: "otel.sdk.metric_reader.collection.duration",
        unit: "s",
        description: "Time that it took to collect all metrics"
    )
}
