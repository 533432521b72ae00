import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Tracked requests: attributes of the application's own")
struct RequestAttributeTests {
    private let recorder = LogRecorder()

    private func metrics(limit: Int = 100, _ keys: [String]) -> ServerMetricsCollector {
        var warnings: [String] = []
        var requests = RequestConfiguration(environment: [:])
        requests.allowedAttributes = keys
        requests.objectives = [RequestObjective("all")]
        let metrics = ServerMetricsCollector(
            cardinalityLimit: limit,
            requests: requests.validated(&warnings),
            log: recorder.log()
        )
        for warning in warnings { metrics.log.warning(warning) }
        return metrics
    }

    @Test("allowed keys are on everything that is counted of the request, each combination a series")
    func allowed() {
        let metrics = metrics(["tenant", "tier"])
        for (tenant, tier) in [("a", "gold"), ("b", "gold"), ("a", "gold")] {
            let request = metrics.enqueueRequest(model: "m", attributes: ["tier": tier, "tenant": tenant])
            request.markFirstToken()
            request.finish(inputTokens: 1, outputTokens: 2)
        }
        metrics.trackRequest(model: "m", attributes: ["tenant": "a"]) { _ in }
        let own = metrics.points("gen_ai.requests").map { [$0.attributes["tenant"], $0.attributes["tier"]] }
        #expect(own == [["a", "gold"], ["b", "gold"], ["a", nil]])
        for name in [
            "gen_ai.server.tokens", "gen_ai.server.request.duration", "gen_ai.server.request.queue_time",
            "gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token",
        ] {
            #expect(metrics.points(name).compactMap { $0.attributes["tenant"] }.contains("b"), "\(name)")
        }
        #expect(metrics.points("gen_ai.server.requests.good").map(\.value) == [.int(4)])
        #expect(recorder.lines.isEmpty)
    }

    @Test("other keys are dropped, with one warning, and the request counts")
    func others() {
        let metrics = metrics(["tenant"])
        for number in 0..<3 {
            metrics.trackRequest(model: "m", attributes: ["tenant": "a", "user\(number)": "x"]) { _ in }
        }
        #expect(metrics.points("gen_ai.requests").map(\.value) == [.int(3)])
        #expect(recorder.lines(.warning).count == 1)
        #expect(recorder.lines(.warning).first?.contains("\"user0\"") == true)
    }

    @Test("long values are cut, empty ones left out")
    func values() {
        let metrics = metrics(["tenant"])
        metrics.trackRequest(model: "m", attributes: ["tenant": String(repeating: "é", count: 300)]) { _ in }
        metrics.trackRequest(model: "m", attributes: ["tenant": ""]) { _ in }
        metrics.trackRequest(model: "m") { _ in }
        let points = metrics.points("gen_ai.requests")
        #expect(points.map { $0.attributes["tenant"]?.utf8.count } == [256, nil])
        #expect(points.map(\.value) == [.int(1), .int(2)])
    }

    @Test("beyond the limit they share the overflow point, with one warning, and objectives stay exact")
    func overflow() {
        let metrics = metrics(limit: 3, ["tenant"])
        for number in 0..<10 {
            metrics.trackRequest(model: "m", attributes: ["tenant": "\(number)"]) { _ in }
        }
        let points = metrics.points("gen_ai.requests")
        #expect(points.map(\.value) == [.int(1), .int(1), .int(1), .int(7)])
        #expect(points.last?.attributes == ["otel.metric.overflow": "true"])
        let good = metrics.points("gen_ai.server.requests.good")
        #expect(good.map(\.value) == [.int(10)])
        #expect(good.first?.attributes["gen_ai.request.model"] == "m")
        #expect(recorder.lines(.warning).count == 1)
    }

    @Test(
        "a key of the conventions, or one that becomes the same label, can't be allowed",
        arguments: [
            "gen_ai.request.model", "gen_ai.tenant", "error.type", "error_type", "server.address", "model", "engine",
            "otel.metric.overflow", "le", "", "__name__", "job",
        ]
    )
    func reserved(key: String) {
        let metrics = metrics([key, "tenant"])
        metrics.trackRequest(model: "m", attributes: [key: "evil", "tenant": "a"]) { _ in }
        let attributes = metrics.points("gen_ai.requests").map(\.attributes)
        #expect(
            attributes == [["gen_ai.request.model": "m", "gen_ai.operation.name": "chat", "tenant": "a"]]
        )
        #expect(recorder.lines(.warning).first?.contains("it is ignored") == true)
    }

    @Test("two keys that become one label are one")
    func sameLabel() {
        let metrics = metrics(["a.b", "a-b"])
        metrics.trackRequest(model: "m", attributes: ["a.b": "1", "a-b": "2"]) { _ in }
        #expect(metrics.points("gen_ai.requests").first?.attributes["a.b"] == "1")
        #expect(recorder.lines(.warning).first?.contains("twice") == true)
    }
}
