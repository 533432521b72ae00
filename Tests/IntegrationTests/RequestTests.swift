import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

private struct Overloaded: Error {}

/// The system's clocks, but durations pass only when a test says so: exports have real times, requests take none.
struct SimulatedDurations: TimeSource {
    private let system = SystemTimeSource()
    private let elapsed = Locked<UInt64>(0)

    func advance(byMilliseconds milliseconds: UInt64) { elapsed.withLock { $0 += milliseconds * 1_000_000 } }

    var monotonicClock: @Sendable () -> UInt64 { { [elapsed] in elapsed.withLock { $0 } } }
    var now: ContinuousClock.Instant { system.now }
    var unixNanoseconds: UInt64 { system.unixNanoseconds }

    func wait<State, Result>(
        on monitor: Monitor<State>,
        until deadline: ContinuousClock.Instant?,
        for condition: (inout State) -> Result?
    ) -> Result? {
        system.wait(on: monitor, until: deadline, for: condition)
    }
}

@Suite("Tracked requests, against real backends", .serialized, .blocking)
struct RequestTests {
    private let time = SimulatedDurations()

    private func instrumentation(endpoint: String, _ environment: [String: String] = [:]) -> GenAIInstrumentation {
        var environment = environment
        environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = endpoint
        environment["GENAI_ENABLE_OLLAMA_SERVER_METRICS"] = "false"
        environment["OTEL_SERVICE_NAME"] = "pushed"
        environment["OTEL_METRIC_EXPORT_INTERVAL"] = "3600000"
        let result = GenAIInstrumentation(GenAIConfiguration(environment: environment), timeSource: time)
        result.start()
        return result
    }

    private static let hostileModel =
        "quote \" backslash \\ line\nfeed 🦙 \(String(decoding: [0xED, 0xA0, 0x80], as: UTF8.self))"

    /// Ten requests: nine take 0.3 s with a first token at 0.05 s, one takes 3 s with a first token at 0.3 s; one fails.
    private func traffic(_ metrics: ServerMetricsCollector) {
        for number in 0..<10 {
            let isSlow = number == 9
            try? metrics.trackRequest(model: number == 0 ? Self.hostileModel : "llama") { request in
                time.advance(byMilliseconds: isSlow ? 300 : 50)
                request.markFirstToken()
                time.advance(byMilliseconds: isSlow ? 2_700 : 250)
                if number == 1 { throw Overloaded() }
                request.finish(outputTokens: 11)
            }
        }
    }

    @Test(
        "Prometheus scrapes the text and receives OTLP: the values are equal, and its queries answer what the traffic was",
        Program.areThere(.prometheus)
    )
    func scrapeAndPush() throws {
        let route = Monitor<GenAIInstrumentation?>(nil)
        let server = try LoopbackServer { _ in
            let text = route.read { $0 }?.prometheusText() ?? ""
            let type = ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"]
            return .response(200, headers: type, body: Data(text.utf8))
        }
        defer { server.stop() }
        let prometheus = try Prometheus(scraping: "127.0.0.1:\(server.port)")
        defer { prometheus.process.stop() }
        let instrumentation = instrumentation(endpoint: prometheus.otlpEndpoint)
        let metrics = instrumentation.serverMetrics
        route.mutate { $0 = instrumentation }

        // One round per scrape and per push.
        let rounds = 6
        for round in 1...rounds {
            traffic(metrics)
            #expect(instrumentation.forceFlush())
            let both = ["scraped": Double(10 * round), "pushed": Double(10 * round)]
            let arrived = eventually(within: .seconds(20)) {
                (try? prometheus.query("sum by (job) (gen_ai_requests_total)", by: "job")) == both
            }
            #expect(arrived, "round \(round)")
        }
        try expectEqualValues(prometheus)
        try expectQueriesThatAnswer(prometheus, increase: Double(10 * (rounds - 1)))

        // A zero byte can't be written in this format; it must not cost the other values.
        metrics.trackRequest(model: "nul\u{0}") { _ in }
        #expect(
            eventually(within: .seconds(20)) {
                (try? prometheus.query(#"gen_ai_requests_total{job="scraped"}"#, by: "gen_ai_request_model"))?[
                    "nul\u{FFFD}"
                ] == 1
            }
        )
        #expect(try prometheus.query(#"up{job="scraped"}"#, by: "job") == ["scraped": 1])
        #expect(prometheus.process.lines.filter { $0.contains("WARN") || $0.contains("ERROR") } == [])
        #expect(instrumentation.shutdown())
    }

    private func expectEqualValues(_ prometheus: Prometheus) throws {
        func both(_ metric: String, by label: String) throws -> [String: Double] {
            let values = try ["scraped", "pushed"].map { job in
                let values = try prometheus.query("sum by (\(label)) (\(metric){job=\"\(job)\"})", by: label)
                // Prometheus writes `le` of a whole number as 5.0 when it scrapes, and as 5 when it receives OTLP.
                return Dictionary(
                    uniqueKeysWithValues: values.map { (Double($0.key).map(\.description) ?? $0.key, $0.value) }
                )
            }
            #expect(values[0] == values[1], "\(metric) by \(label)")
            return values[0]
        }
        #expect(try both("gen_ai_requests_total", by: "error_type") == ["": 54, "Overloaded": 6])
        #expect(try both("gen_ai_requests_total", by: "gen_ai_request_model") == ["llama": 54, Self.hostileModel: 6])
        #expect(try both("gen_ai_server_requests_running", by: "engine") == ["": 0])
        for histogram in ["request_duration", "time_to_first_token", "time_per_output_token"] {
            let name = "gen_ai_server_\(histogram)_seconds"
            let total: Double = histogram == "time_per_output_token" ? 54 : 60
            #expect(try both("\(name)_bucket", by: "le")["inf"] == total)
            #expect(try both("\(name)_count", by: "gen_ai_operation_name") == ["chat": total])
            _ = try both("\(name)_sum", by: "gen_ai_request_model")
        }
    }

    private func expectQueriesThatAnswer(_ prometheus: Prometheus, increase: Double) throws {
        for job in ["scraped", "pushed"] {
            func query(_ expression: String) throws -> Double {
                try #require(try prometheus.query(expression).first?.value, "\(job): \(expression)")
            }
            // Prometheus extrapolates to both sides of the samples by up to about an interval.
            let rate = try query("sum(rate(gen_ai_requests_total{job=\"\(job)\"}[1m]))")
            #expect((increase / 60 * 0.95...increase / 60 * 1.5).contains(rate), "\(job): \(rate)")
            func quantile(_ metric: String) throws -> Double {
                try query("histogram_quantile(0.95, sum by (le) (rate(\(metric)_bucket{job=\"\(job)\"}[1m])))")
            }
            #expect(try (2.56...5.12).contains(quantile("gen_ai_server_request_duration_seconds")))
            #expect(try (0.25...0.5).contains(quantile("gen_ai_server_time_to_first_token_seconds")))
        }
    }

    @Test(
        "the strict receiver finds nothing over ten exports with failures in between, and no request is lost or taken twice",
        Program.areThere(.receiver, .receiverPython),
        arguments: ["cumulative", "delta", "lowmemory"]
    )
    func strictReceiver(preference: String) throws {
        let receiver = try StrictReceiver([
            "ok", "status=400", "status=500", "ok", "close", "ok", "html", "unavailable", "reset", "ok",
        ])
        defer { receiver.process.stop() }
        let instrumentation = instrumentation(
            endpoint: "\(receiver.url)/v1/metrics",
            ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": preference]
        )
        var delivered = 0
        for _ in 0..<10 {
            traffic(instrumentation.serverMetrics)
            if instrumentation.forceFlush(timeout: .seconds(20)) { delivered += 1 }
        }
        #expect(instrumentation.shutdown())
        #expect(delivered == 7, "all but those that were refused for good")

        let statistics = instrumentation.exportStatistics
        let entries = try receiver.waitForEntries(statistics.requestsSent)
        #expect(entries.count == statistics.requestsSent)
        #expect(entries.flatMap(\.findings).filter { !$0.hasPrefix("repeat: ") } == [])
        let accepted = entries.filter { $0.status == 200 && $0.behaviour != "html" }
        let counts = accepted.map { requests(in: $0.body) }
        #expect((preference == "cumulative" ? counts.last : counts.reduce(0, +)) == 100)
    }

    /// The total of `gen_ai.requests` in a request's body.
    private func requests(in body: [String: Any]) -> Int {
        func first(_ key: String, of node: [String: Any]?) -> [String: Any]? { (node?[key] as? [[String: Any]])?.first }
        let scope = first("scopeMetrics", of: first("resourceMetrics", of: body))
        let metric = (scope?["metrics"] as? [[String: Any]])?.first { $0["name"] as? String == "gen_ai.requests" }
        let points = (metric?["sum"] as? [String: Any])?["dataPoints"] as? [[String: Any]] ?? []
        return points.reduce(0) { $0 + (($1["asInt"] as? String).flatMap { Int($0) } ?? 0) }
    }
}
