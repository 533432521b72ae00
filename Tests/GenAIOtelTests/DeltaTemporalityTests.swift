import Foundation
import GenAIOtel
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("DeltaTemporality")
struct DeltaTemporalityTests {
    private let attributes = [Attribute("gen_ai.request.model", .string("m"))]

    private func snapshot(
        time: UInt64,
        count: Int,
        buckets: ArraySlice<UInt64>,
        sum: Double,
        start: UInt64 = 100
    ) -> MetricSnapshot {
        let total = buckets.reduce(0, +)
        let point = HistogramPoint(
            attributes,
            bounds: [1],
            bucketCounts: buckets,
            count: total,
            sum: sum,
            range: 0.5...3,
            start: start
        )
        return MetricSnapshot(
            time: time,
            metrics: [
                Metric(.requestsRunning, [NumberPoint([], .int(4))]),
                Metric(.requests, .sum([NumberPoint(attributes, .int(count), start: start)], .cumulative)),
                Metric(.requestDuration, .histogram([point], .cumulative)),
            ]
        )
    }

    @Test("the first delta counts from the start, a later one from the one before; gauges stay as they are")
    func deltas() {
        var temporality = DeltaTemporality()
        let first = snapshot(time: 200, count: 3, buckets: [2, 1], sum: 4.5)
        let firstDelta = temporality.next(first)
        #expect(firstDelta.metrics[0] == first.metrics[0])
        #expect(firstDelta.metrics[1].data == .sum([NumberPoint(attributes, .int(3), start: 100)], .delta))

        let second = temporality.next(snapshot(time: 300, count: 5, buckets: [2, 3], sum: 10))
        let point = HistogramPoint(
            attributes,
            bounds: [1],
            bucketCounts: [0, 2],
            count: 2,
            sum: 5.5,
            range: nil,
            start: 200
        )
        #expect(second.time == 300)
        #expect(second.metrics[1].data == .sum([NumberPoint(attributes, .int(2), start: 200)], .delta))
        #expect(second.metrics[2].data == .histogram([point], .delta))
    }

    @Test("what is taken back is part of the next delta; what is older than the last one is not")
    func takenBack() {
        var temporality = DeltaTemporality()
        _ = temporality.next(snapshot(time: 200, count: 3, buckets: [2, 1], sum: 4.5))
        _ = temporality.next(snapshot(time: 300, count: 4, buckets: [2, 2], sum: 6))
        temporality.takeBack(time: 200)
        temporality.takeBack(time: 300)
        let next = temporality.next(snapshot(time: 400, count: 5, buckets: [2, 3], sum: 10))
        #expect(next.metrics[1].data == .sum([NumberPoint(attributes, .int(2), start: 200)], .delta))
    }

    @Test("after something was taken back, an older delta can't be taken back too")
    func takenBackOnce() {
        var temporality = DeltaTemporality()
        for (time, count) in [(UInt64(200), UInt64(3)), (300, 4), (400, 5)] {
            _ = temporality.next(snapshot(time: time, count: Int(count), buckets: [2, count - 2], sum: 4.5))
        }
        temporality.takeBack(time: 400)
        temporality.takeBack(time: 300)
        let next = temporality.next(snapshot(time: 500, count: 6, buckets: [2, 4], sum: 10))
        #expect(next.metrics[1].data == .sum([NumberPoint(attributes, .int(2), start: 300)], .delta))
    }

    @Test("what has started anew counts in whole, from its own start")
    func restart() {
        var temporality = DeltaTemporality()
        _ = temporality.next(snapshot(time: 200, count: 3, buckets: [2, 1], sum: 4.5))
        let next = temporality.next(snapshot(time: 300, count: 5, buckets: [2, 3], sum: 10, start: 250))
        #expect(next.metrics[1].data == .sum([NumberPoint(attributes, .int(5), start: 250)], .delta))
        guard case .histogram(let points, .delta) = next.metrics[2].data else {
            Issue.record("no histogram")
            return
        }
        #expect(points.map(\.count) == [5])
        #expect(points.map(\.start) == [250])
    }

    @Test(
        "a histogram of replicas that had other bounds for a while counts in whole, and its buckets add up to its count"
    )
    func otherBoundsForAWhile() {
        let time = ManualTimeSource()
        let metrics = ServerMetricsCollector(cardinalityLimit: 2, log: Log(level: nil), timeSource: time)
        var temporality = DeltaTemporality()
        func record(_ replica: String, _ bounds: [Double], _ counts: [UInt64]) {
            time.advance(by: .seconds(5))
            var model = ModelReading(model: "m")
            model.timeToFirstToken = HistogramReading(bounds: bounds, bucketCounts: counts, sum: 1)
            let start = Date(timeIntervalSince1970: Double(time.unixNanoseconds) / 1e9 - 1)
            model.replicas = [ReplicaCounters(name: replica, startTime: start, figures: model.figures)]
            metrics.record(ServerReading(server: ServerIdentity(engine: "e", address: "h", port: 1), models: [model]))
        }
        func delta() -> HistogramPoint? {
            let metrics = temporality.next(metrics.snapshot(time: time.unixNanoseconds)).metrics
            guard case .histogram(let points, .delta)? = metrics.last?.data else { return nil }
            return points.first
        }
        record("a", [1], [4, 4])
        #expect(delta()?.bucketCounts == [4, 4])
        record("b", [2], [1, 0])
        record("c", [1], [9, 1])
        #expect(delta()?.bucketCounts == [9, 1])
        #expect(delta() == nil)
    }

    @Test("series in which nothing was counted are left out")
    func unchanged() {
        var temporality = DeltaTemporality()
        _ = temporality.next(snapshot(time: 200, count: 3, buckets: [2, 1], sum: 4.5))
        let next = temporality.next(snapshot(time: 300, count: 3, buckets: [2, 1], sum: 4.5))
        #expect(next.metrics.map(\.descriptor) == [.requestsRunning])
    }
}

@Suite("Delta export, against a real server", .blocking)
struct DeltaExportTests {
    private struct Point {
        var name: String
        var start: Int
        var time: Int
        var value: Int
    }

    @Test(
        "exports with failures in between add up to what was counted, in intervals without gap or overlap",
        arguments: [0, 64]
    )
    func withFailures(outageBufferLimit: Int) throws {
        // In turn: delivered, refused, closed without an answer.
        let isDown = Monitor(false)
        let acceptedBodies = Monitor<[Data]>([])
        let server = try LoopbackServer { request in
            let body = String(decoding: request.body, as: UTF8.self)
            if body.contains("\"round 1\"") { return .text("", status: 400) }
            if body.contains("\"round 2\""), isDown.read({ $0 }) { return .close }
            acceptedBodies.mutate { $0.append(request.body) }
            return .json("{}")
        }
        defer { server.stop() }
        let time = ManualTimeSource()
        let metrics = ServerMetricsCollector(cardinalityLimit: 100, log: LogRecorder().log(), timeSource: time)
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": server.url,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "DELTA",
        ]).otlp
        configuration.outageBufferLimit = outageBufferLimit
        // There is no time for a second attempt.
        let exporter = Delivery(
            try OTLPHTTPExporter(
                configuration,
                resource: Resource(["service.name": .string("test")]),
                log: LogRecorder().log(),
                retryPolicy: RetryPolicy(firstDelay: .seconds(60), longestDelay: .seconds(60)),
                timeSource: time
            ),
            timeout: .seconds(10),
            timeSource: time
        )
        defer { exporter.close() }

        let began = Int(metrics.startTime)
        var delivered: [Bool] = []
        for round in 3...12 {
            for request in 0..<round { metrics.trackRequest(model: "m\(request % 3)") { $0.markFirstToken() } }
            metrics.removeModel("round \((round - 1) % 3)")
            metrics.setKVCacheUsage(model: "round \(round % 3)", percent: 1)
            time.advance(by: .seconds(60))
            isDown.mutate { $0 = round % 3 == 2 }
            let snapshot = metrics.snapshot(time: time.unixNanoseconds)
            delivered.append(exporter.export(snapshot, until: time.now + .seconds(10)))
        }
        #expect(delivered == [true, false, false, true, false, false, true, false, false, true])

        // Without a buffer, one in three arrives; with it, those that were closed without an answer arrive later.
        let accepted = try acceptedBodies.read { $0 }.map { try points(in: $0) }
        #expect(accepted.count == (outageBufferLimit == 0 ? 4 : 7))
        #expect(exporter.statistics.exportsDelivered == accepted.count)
        let all = accepted.flatMap { $0 }
        for name in ["gen_ai.requests", "gen_ai.server.request.duration", "gen_ai.server.time_to_first_token"] {
            #expect(all.filter { $0.name == name }.reduce(0) { $0 + $1.value } == 75, "\(name)")
        }
        var end = began
        for (number, points) in accepted.enumerated() {
            #expect(Set(points.map(\.start)) == [end], "delivery \(number) begins where the one before ended")
            end = try #require(points.first?.time)
        }
    }

    @Test(
        "what was answered with 2xx has arrived and is not sent again, whatever the body",
        arguments: [
            .text("ok"), .response(200, headers: ["Content-Type": "application/octet-stream"], body: Data([10, 0])),
            .response(200, headers: [:], body: Data("\n".utf8)), .json("{", status: 202),
            .response(
                200,
                headers: ["Content-Type": "application/json", "Content-Encoding": "gzip"],
                body: Data([31])
            ),
            .response(200, headers: ["Content-Encoding": "utf-8"], body: Data("{}".utf8)),
            .response(200, headers: ["Content-Length": "5000000"]),
            .raw(Data("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".utf8)),
        ] as [LoopbackAnswer]
    )
    func oddAnswers(answer: LoopbackAnswer) throws {
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": server.url, "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta", "GENAI_LOG_LEVEL": "none",
        ])
        configuration.ollama = nil
        let instrumentation = GenAIInstrumentation(configuration)
        instrumentation.start()
        for _ in 0..<3 {
            instrumentation.serverMetrics.trackRequest(model: "m") { _ in }
            #expect(instrumentation.forceFlush())
        }
        #expect(instrumentation.shutdown())
        let all = try server.requests.flatMap { try points(in: $0.body) }
        #expect(all.filter { $0.name == "gen_ai.requests" }.map(\.value) == [1, 1, 1])
        #expect(instrumentation.exportStatistics.exportsFailed == 0)
    }

    /// Sums and histograms of a request's body; fails if one is not a delta.
    private func points(in body: Data) throws -> [Point] {
        var node = try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
        for key in ["resourceMetrics", "scopeMetrics"] { node = try #require((node[key] as? [[String: Any]])?.first) }
        let metrics = try #require(node["metrics"] as? [[String: Any]])
        return try metrics.flatMap { metric -> [Point] in
            guard let data = (metric["sum"] ?? metric["histogram"]) as? [String: Any] else { return [] }
            #expect(data["aggregationTemporality"] as? Int == 1)
            return try #require(data["dataPoints"] as? [[String: Any]]).map { point in
                func integer(_ key: String) -> Int? { (point[key] as? String).flatMap { Int($0) } }
                #expect(point["min"] == nil)
                return Point(
                    name: try #require(metric["name"] as? String),
                    start: try #require(integer("startTimeUnixNano")),
                    time: try #require(integer("timeUnixNano")),
                    value: try #require(integer("asInt") ?? integer("count"))
                )
            }
        }
    }

    @Test("statistics count the points that were sent, not those that had nothing new")
    func statistics() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": server.url])
        configuration.ollama = nil
        configuration.otlp.temporality = .lowMemory
        configuration.ollama = nil
        configuration.exportInterval = .seconds(3600)
        let instrumentation = GenAIInstrumentation(configuration)
        instrumentation.start()
        instrumentation.serverMetrics.trackRequest(model: "m") { _ in }
        #expect(instrumentation.forceFlush())
        #expect(instrumentation.exportStatistics.pointsDelivered == 4, "running, waiting, requests, duration")
        _ = instrumentation.prometheusText()
        #expect(instrumentation.shutdown())
        #expect(instrumentation.exportStatistics.pointsDelivered == 6, "running and waiting again")
        #expect(instrumentation.prometheusText().contains("\ngen_ai_requests_total{gen_ai_request_model=\"m\","))
    }
}
