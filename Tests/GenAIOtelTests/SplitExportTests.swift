import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Exports that are split for a backend's limits", .blocking)
struct SplitExportTests {
    private func metrics(models: Int) -> ServerMetricsCollector {
        let metrics = ServerMetricsCollector(cardinalityLimit: 1_000, log: LogRecorder().log())
        for model in 0..<models { metrics.trackRequest(model: "model \(model)") { $0.markFirstToken() } }
        return metrics
    }

    private func delivery(_ server: LoopbackServer, _ change: (inout OTLPConfiguration) -> Void) throws -> Delivery {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": server.url]).otlp
        change(&configuration)
        let exporter = try OTLPHTTPExporter(
            configuration,
            resource: Resource(["service.name": .string("test")]),
            log: LogRecorder().log(),
            retryPolicy: RetryPolicy(firstDelay: .seconds(60), longestDelay: .seconds(60)),
            timeSource: ManualTimeSource()
        )
        return Delivery(exporter, timeout: .seconds(10), timeSource: ManualTimeSource())
    }

    private let soon = ManualTimeSource().now + .seconds(10)

    /// The points of a request, as `metric/model: value`.
    private func points(_ body: Data) throws -> [String: Int] {
        var node = try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
        #expect((node["resourceMetrics"] as? [[String: Any]])?.first?["resource"] != nil)
        for key in ["resourceMetrics", "scopeMetrics"] { node = try #require((node[key] as? [[String: Any]])?.first) }
        #expect(node["scope"] != nil)
        var result: [String: Int] = [:]
        for metric in try #require(node["metrics"] as? [[String: Any]]) {
            let data = try #require((metric["gauge"] ?? metric["sum"] ?? metric["histogram"]) as? [String: Any])
            for point in try #require(data["dataPoints"] as? [[String: Any]]) {
                let attributes = point["attributes"] as? [[String: Any]]
                let model = (attributes?.first?["value"] as? [String: Any])?["stringValue"] as? String ?? ""
                let value = (point["asInt"] ?? point["count"]) as? String
                result["\(metric["name"] as? String ?? "")/\(model)"] = value.flatMap { Int($0) }
            }
        }
        return result
    }

    @Test(
        "by points: every request is complete, none is larger, and together they say it all once",
        arguments: [1, 3, 7, 31, 32, 99]
    )
    func byPoints(limit: Int) throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let delivery = try delivery(server) { $0.maxPointsPerExport = limit }
        defer { delivery.close() }
        // Running, waiting, and ten each of requests, durations and first tokens.
        #expect(delivery.export(metrics(models: 10).snapshot(time: .max / 2), until: soon))
        let parts = try server.requests.map { try points($0.body) }
        #expect(parts.count == (32 + limit - 1) / limit)
        #expect(parts.allSatisfy { $0.count <= limit })
        var all: [String: Int] = [:]
        for part in parts { all.merge(part) { $0 + $1 } }
        #expect(all.count == 32)
        #expect(all.filter { $0.key.hasPrefix("gen_ai.requests/") }.values.allSatisfy { $0 == 1 })
        #expect(delivery.statistics.exportsDelivered == parts.count)
        #expect(delivery.statistics.pointsDelivered == 32)
    }

    @Test(
        "by bytes: no request is larger, and a point that is larger by itself is dropped",
        arguments: [600, 2_000, 50_000]
    )
    func byBytes(limit: Int) throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let delivery = try delivery(server) { $0.maxBytesPerExport = limit }
        defer { delivery.close() }
        let isDelivered = delivery.export(metrics(models: 10).snapshot(time: .max / 2), until: soon)
        let all = try server.requests.flatMap { try points($0.body).keys }
        #expect(server.requests.allSatisfy { $0.body.count <= limit })
        #expect(Set(all).count == all.count)
        let statistics = delivery.statistics
        #expect(statistics.pointsDelivered == all.count)
        #expect(statistics.pointsDelivered + statistics.pointsDropped == 32)
        // A histogram of fifteen buckets takes more than the smallest of the limits.
        #expect(isDelivered == (limit > 600))
        #expect(statistics.pointsDropped == (limit > 600 ? 0 : 20))
    }

    @Test(
        "a part that is refused is counted and, in delta, taken back, and only that one",
        arguments: [nil, 0, 5] as [Int?]
    )
    func refusedPart(refused: Int?) throws {
        let isRound = Monitor((round: 1, request: 0))
        let accepted = Monitor<[Data]>([])
        let server = try LoopbackServer { request in
            let number = isRound.mutate { state in
                defer { state.request += 1 }
                return state
            }
            if number.round == 2, number.request == refused { return .text("", status: 400) }
            accepted.mutate { $0.append(request.body) }
            return .json("{}")
        }
        defer { server.stop() }
        let delivery = try delivery(server) {
            $0.maxPointsPerExport = 3
            $0.temporality = .delta
        }
        defer { delivery.close() }
        let metrics = metrics(models: 4)
        var delivered: [Bool] = []
        for round in 1...3 {
            isRound.mutate { $0 = (round, 0) }
            for model in 0..<6 { metrics.trackRequest(model: "model \(model)") { $0.markFirstToken() } }
            delivered.append(delivery.export(metrics.snapshot(time: .max / 2 + UInt64(round)), until: soon))
        }
        #expect(delivered == [true, refused == nil, true])
        #expect(delivery.statistics.exportsFailed == (refused == nil ? 0 : 1))
        #expect(delivery.statistics.pointsDropped == (refused == nil ? 0 : 3))
        var sums: [String: Int] = [:]
        for body in accepted.read({ $0 }) { sums.merge(try points(body)) { $0 + $1 } }
        for name in ["gen_ai.requests", "gen_ai.server.request.duration", "gen_ai.server.time_to_first_token"] {
            for model in 0..<6 { #expect(sums["\(name)/model \(model)"] == (model < 4 ? 4 : 3), "\(name) \(model)") }
        }
    }

    @Test("limits below 1 warn and do not split")
    func unusable() {
        var configuration = GenAIConfiguration(environment: [:])
        (configuration.otlp.maxPointsPerExport, configuration.otlp.maxBytesPerExport) = (0, -1)
        let validated = configuration.validated()
        #expect(validated.otlp.maxPointsPerExport == nil && validated.otlp.maxBytesPerExport == nil)
        #expect(validated.warnings.count == 2)
    }
}
