import Foundation
import GenAISupport
import TestSupport
import Testing

/// The very bytes that the exporter sends go to every backend.
@Suite("Protobuf, into every backend at once", .serialized, .blocking)
struct ProtobufBackendTests {
    /// Passes each request on to several backends, and takes it only if all of them do.
    private final class Fork: Sendable {
        let server: LoopbackServer
        let refusals = Monitor<[String]>([])

        init(to endpoints: [String]) throws {
            server = try LoopbackServer { [refusals] request in
                for endpoint in endpoints {
                    let headers = ["content-type", "content-encoding"].compactMap { name in
                        request.headers[name].map { HTTPHeader(name, $0) }
                    }
                    let answer = try? loopbackRequest("POST", endpoint, headers: headers, body: request.body)
                    guard let answer, (200...299).contains(answer.status) else {
                        let body = answer.map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" }
                        refusals.mutate { $0.append("\(endpoint): \(body ?? "no answer")") }
                        return .text("", status: 400)
                    }
                }
                return .response(200, headers: ["Content-Type": "application/x-protobuf"])
            }
        }
    }

    @Test(
        "the Collector, Prometheus and VictoriaMetrics take the same load, and all queries answer alike",
        Program.areThere(.collector, .prometheus, .victoriaMetrics),
        arguments: ["none", "gzip"]
    )
    func sameAnswers(compression: String) throws {
        let collector = try Collector()
        defer { collector.process.stop() }
        let prometheus = try Prometheus(
            configuration: Documentation.prometheusConfiguration("prometheus-otlp.yml"),
            files: Documentation.rules()
        )
        defer { prometheus.process.stop() }
        let victoria = try VictoriaMetrics()
        defer { victoria.process.stop() }
        let fork = try Fork(to: ["\(collector.url)/v1/metrics", prometheus.otlpEndpoint, victoria.otlpEndpoint])
        defer { fork.server.stop() }
        let engines = try SimulatedEngines()
        defer { engines.stop() }
        let probe = try TrafficProbe(
            exportingTo: "\(fork.server.url)/v1/metrics",
            polling: engines,
            environment: [
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
            ]
        )
        defer { probe.stop() }
        try probe.setGauges("running=3&waiting=2&max=4&kv.llama=72.5&kv.gpt-4=12")
        try serveRequests(probe, prometheus, victoria)
        #expect(fork.refusals.read { $0 } == [])

        let documented = try Documentation.queries("prometheus-and-grafana.md")
        // VictoriaMetrics has the resource's attributes on every series, and no target_info. It gives two gauges their plain
        // names, where rules add these in Prometheus, so that it has fewer series.
        let queries = try (documented + DashboardFile().queries).filter { query in
            !query.contains("target_info") && !query.contains(#"{__name__=~"(gen_ai_|hw_|"#)
        }
        #expect(queries.count > 40)
        var answered = 0
        for query in queries { answered += try expectSameAnswer(query, prometheus, victoria) ? 1 : 0 }
        #expect(answered > queries.count * 9 / 10, "some find nothing, as nobody counts that here")
        for text in ["gen_ai.server.time_to_first_token", "model: Str(gpt-4)", "Value: 72.500000", "ExplicitBounds #0"]
        {
            #expect(collector.process.waitForLine(containing: text) != nil, "\(text)")
        }
    }

    /// Lets requests end, a fifth of them with an error, until both have seen all of them and can compute rates.
    private func serveRequests(_ probe: TrafficProbe, _ prometheus: Prometheus, _ victoria: VictoriaMetrics) throws {
        for round in 1...3 {
            try probe.serveRequests(succeeded: 4, failed: 1)
            let expected = ["": 4.0 * Double(round), "Overloaded": Double(round)]
            let total = #"sum by (error_type) (gen_ai_requests_total{server_address=""})"#
            let haveArrived = eventually(within: .seconds(60)) {
                try? victoria.flush()
                return (try? prometheus.query(total, by: "error_type")) == expected
                    && (try? victoria.query(total, by: "error_type")) == expected
            }
            #expect(haveArrived, "\(prometheus.process.lines.suffix(5)) \(victoria.process.lines.suffix(5))")
        }
        let arePolled = eventually(within: .seconds(60)) {
            (try? prometheus.query("gen_ai_server_model_vram", by: "engine"))?["ollama"] != nil
                && (try? victoria.query("gen_ai_server_requests_max", by: "engine"))?["tensorrt-llm"] == 20
        }
        #expect(arePolled)
    }

    /// - Returns: whether there was an answer at all.
    private func expectSameAnswer(_ query: String, _ prometheus: Prometheus, _ victoria: VictoriaMetrics) throws -> Bool
    {
        var (expected, found): ([[String: String]: Double], [[String: String]: Double]) = ([:], [:])
        // Rules are evaluated in their own time, and exports go on.
        let isSame = eventually(within: .seconds(15)) {
            try? victoria.flush()
            expected = (try? prometheus.series(query)) ?? [:]
            found = (try? victoria.series(query)) ?? [:]
            return Self.isAlike(query, expected, found)
        }
        #expect(isSame, "\(query): \(expected) and \(found)")
        return !expected.isEmpty
    }

    private static func isAlike(
        _ query: String,
        _ expected: [[String: String]: Double],
        _ found: [[String: String]: Double]
    ) -> Bool {
        // What is promoted from the resource stands on every series of VictoriaMetrics, and two names may be one there.
        let names = Set(expected.keys.flatMap(\.keys)).subtracting(["__name__"])
        func values(_ series: [[String: String]: Double]) -> [[String: String]: Double] {
            var result: [[String: String]: Double] = [:]
            for (labels, value) in series { result[labels.filter { names.contains($0.key) }] = value }
            return result
        }
        let (left, right) = (values(expected), values(found))
        guard Set(left.keys) == Set(right.keys) else { return false }
        let hasRate = query.contains("rate(") || query.contains("timestamp(")
        // A rate is extrapolated by the one and not by the other, and each has its own now. What is worked out of several is
        // nearly the same.
        let tolerance = !hasRate ? 0 : query.contains("/") || query.contains("histogram_quantile") ? 0.1 : .infinity
        return left.allSatisfy { labels, value in
            guard let other = right[labels], value.isFinite, other.isFinite else {
                return right[labels]?.isNaN == value.isNaN
            }
            return tolerance == .infinity
                ? value > 0 && other > 0 || value == other
                : abs(value - other) <= tolerance * max(abs(value), abs(other))
        }
    }
}
