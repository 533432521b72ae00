import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("What the exporter tells of itself", .blocking)
struct OwnMetricsTests {
    private struct Point {
        var value: Int
        var attributes: [String: String]
        var isMonotonic: Bool?
        var scope: String
    }

    /// The points of a request by the metric's name.
    private func points(_ body: Data) throws -> [String: [Point]] {
        var node = try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
        node = try #require((node["resourceMetrics"] as? [[String: Any]])?.first)
        var result: [String: [Point]] = [:]
        for scope in try #require(node["scopeMetrics"] as? [[String: Any]]) {
            for metric in try #require(scope["metrics"] as? [[String: Any]]) {
                let data = try #require((metric["gauge"] ?? metric["sum"] ?? metric["histogram"]) as? [String: Any])
                result[metric["name"] as? String ?? ""] = (data["dataPoints"] as? [[String: Any]])?.map { point in
                    var attributes: [String: String] = [:]
                    for attribute in point["attributes"] as? [[String: Any]] ?? [] {
                        let value = attribute["value"] as? [String: String]
                        attributes[attribute["key"] as? String ?? ""] = value?.values.first
                    }
                    return Point(
                        value: ((point["asInt"] ?? point["count"]) as? String).flatMap { Int($0) } ?? -1,
                        attributes: attributes,
                        isMonotonic: metric["sum"] == nil ? nil : data["isMonotonic"] as? Bool ?? false,
                        scope: (scope["scope"] as? [String: Any])?["name"] as? String ?? ""
                    )
                }
            }
        }
        return result
    }

    private func instrumentation(_ server: LoopbackServer, _ more: [String: String] = [:]) -> GenAIInstrumentation {
        var environment = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "GENAI_EXPORT_OWN_METRICS": "true",
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000", "GENAI_LOG_LEVEL": "none",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
        ]
        environment.merge(more) { $1 }
        let instrumentation = GenAIInstrumentation(GenAIConfiguration(environment: environment))
        instrumentation.start()
        return instrumentation
    }

    @Test("points that were delivered, rejected, refused and wait, each counted once, with their cause")
    func counts() throws {
        let answers = Monitor<[LoopbackAnswer]>([
            .text("", status: 400), .text("", status: 503), .json(#"{"partialSuccess":{"rejectedDataPoints":"2"}}"#),
        ])
        let server = try LoopbackServer { _ in answers.mutate { $0.isEmpty ? .json("{}") : $0.removeFirst() } }
        defer { server.stop() }
        let instrumentation = instrumentation(server)
        defer { instrumentation.shutdown() }
        #expect(!instrumentation.forceFlush(timeout: .seconds(20)))
        #expect(instrumentation.forceFlush(timeout: .seconds(20)) && instrumentation.shutdown(timeout: .seconds(20)))
        // Refused; unavailable and then accepted but for two; accepted.
        #expect(server.requests.count == 4)
        let last = try points(try #require(server.requests.last).body)
        let common = [
            "otel.component.type": "otlp_http_json_metric_exporter",
            "otel.component.name": "otlp_http_json_metric_exporter/0",
            "server.address": "127.0.0.1", "server.port": "\(server.port)",
        ]
        let first = try points(server.requests[0].body).values.reduce(0) { $0 + $1.count }
        let second = try points(server.requests[1].body).values.reduce(0) { $0 + $1.count }
        let exported = try #require(last["otel.sdk.exporter.metric_data_point.exported"])
        #expect(exported.first { $0.attributes["error.type"] == nil }?.value == second - 2)
        #expect(exported.first { $0.attributes["error.type"] == "rejected" }?.value == 2)
        #expect(exported.first { $0.attributes["error.type"] == "400" }?.value == first)
        #expect(exported.count == 3)
        let isCommon = exported.allSatisfy { point in
            point.attributes.filter { $0.key != "error.type" } == common && point.isMonotonic == true
        }
        #expect(isCommon)
        let inFlight = try #require(last["otel.sdk.exporter.metric_data_point.inflight"])
        #expect(inFlight.map(\.value) == [0] && inFlight[0].isMonotonic == false && inFlight[0].attributes == common)
        let operations = try #require(last["otel.sdk.exporter.operation.duration"])
        #expect(operations.map { $0.attributes["error.type"] } == [nil, "400"] && operations.map(\.value) == [1, 1])
        let collections = try #require(last["otel.sdk.metric_reader.collection.duration"])
        #expect(collections.map(\.value) == [3])
        #expect(collections[0].attributes["otel.component.name"] == "periodic_metric_reader/0")
        #expect(last["gen_ai.server.requests.running"]?.first?.scope == "genai.server")
        #expect(exported[0].scope == "genai.server.exporter")
    }

    @Test("with delta, what may fall stays cumulative, and what waits is told")
    func delta() throws {
        let isDown = Monitor(true)
        let server = try LoopbackServer { _ in isDown.read { $0 } ? .text("", status: 503) : .json("{}") }
        defer { server.stop() }
        let more = ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"]
        let instrumentation = instrumentation(server, more)
        defer { instrumentation.shutdown() }
        // Whether there is time for a request depends on the machine.
        let wasTried = eventually {
            !instrumentation.forceFlush(timeout: .milliseconds(200)) && !server.requests.isEmpty
        }
        #expect(wasTried)
        let first = try #require(server.requests.first)
        let waiting = try points(first.body).values.reduce(0) { $0 + $1.count }
        isDown.mutate { $0 = false }
        #expect(instrumentation.forceFlush(timeout: .seconds(20)) && instrumentation.shutdown(timeout: .seconds(20)))
        let bodies = server.requests.map(\.body).filter { $0 != first.body }
        let inFlight = try bodies.map {
            try points($0)["otel.sdk.exporter.metric_data_point.inflight"]?.first?.value ?? -1
        }
        #expect(inFlight.contains { $0 >= waiting }, "\(inFlight), \(waiting)")
        #expect(inFlight.last == 0)
        let body = String(decoding: bodies[0], as: UTF8.self)
        let metric = try #require(
            body.components(separatedBy: #"{"name":"otel.sdk.exporter.metric_data_point.inflight""#).last
        )
        #expect(metric.prefix(250).contains(#""aggregationTemporality":2"#))
    }

    @Test("without being asked, it tells nothing")
    func off() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let instrumentation = instrumentation(server, ["GENAI_EXPORT_OWN_METRICS": ""])
        #expect(instrumentation.shutdown())
        #expect(try points(try #require(server.requests.first).body).keys.allSatisfy { !$0.hasPrefix("otel.") })
    }
}
