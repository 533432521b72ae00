import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Exemplars", .blocking)
struct ExemplarTests {
    private let time = ManualTimeSource()

    private static func trace(_ number: Int, isSampled: Bool = true) -> RequestTrace {
        RequestTrace(high: 1, low: UInt64(number), span: UInt64(number), isSampled: isSampled)!
    }

    private func metrics(
        filter: RequestConfiguration.ExemplarFilter = .traceBased,
        isExponential: Bool = false,
        currentTrace: (@Sendable () -> RequestTrace?)? = nil
    ) -> ServerMetricsCollector {
        var requests = RequestConfiguration(environment: [:])
        requests.exemplarFilter = filter
        requests.currentTrace = currentTrace
        return ServerMetricsCollector(
            cardinalityLimit: 100,
            requests: requests,
            exponentialHistograms: isExponential,
            log: Log(level: nil),
            timeSource: time
        )
    }

    /// A request of a trace that takes so long.
    private func serve(
        _ metrics: ServerMetricsCollector,
        _ trace: RequestTrace?,
        _ duration: Duration,
        model: String = "m"
    ) {
        let request = metrics.beginRequest(model: model)
        request.trace = trace
        time.advance(by: duration)
        request.finish()
    }

    private func exemplars(_ metrics: ServerMetricsCollector, _ metric: MetricDescriptor = .requestDuration)
        -> [Exemplar]
    {
        let snapshot = metrics.snapshot(time: time.unixNanoseconds)
        guard case .histogram(let points, _)? = snapshot.metrics.first(where: { $0.descriptor == metric })?.data else {
            return []
        }
        return points.flatMap(\.exemplars)
    }

    @Test("each bucket keeps the newest, with its value and date")
    func newest() {
        let metrics = metrics()
        let began = time.unixNanoseconds
        serve(metrics, Self.trace(1), .milliseconds(3))
        serve(metrics, Self.trace(2), .seconds(3))
        serve(metrics, Self.trace(3), .milliseconds(5))
        time.advance(by: .seconds(60))
        #expect(
            exemplars(metrics) == [
                Exemplar(value: 0.005, time: began + 3_008_000_000, trace: Self.trace(3)),
                Exemplar(value: 3, time: began + 3_003_000_000, trace: Self.trace(2)),
            ]
        )
    }

    @Test("its date is the same in every snapshot, unless somebody sets the date")
    func sameDate() {
        let metrics = metrics()
        serve(metrics, Self.trace(1), .milliseconds(3))
        let first = exemplars(metrics).map(\.time)
        time.setUnixNanoseconds(time.unixNanoseconds - 900_000_000)
        #expect(exemplars(metrics).map(\.time) == first)
        time.setUnixNanoseconds(time.unixNanoseconds + 1_800_000_000)
        #expect(exemplars(metrics).map(\.time) == first)
        time.setUnixNanoseconds(time.unixNanoseconds + 3_600_000_000_000)
        #expect(exemplars(metrics).map(\.time) == first.map { $0 + 3_600_900_000_000 })
    }

    @Test("all four histograms have them, and the trace may come late")
    func histograms() {
        let metrics = metrics(currentTrace: { Self.trace(7) })
        let request = metrics.enqueueRequest(model: "m")
        #expect(request.trace == Self.trace(7))
        request.start()
        request.markFirstToken()
        request.trace = Self.trace(8)
        request.finish(outputTokens: 2)
        #expect(exemplars(metrics, .queueTime).map(\.trace) == [Self.trace(7)])
        #expect(exemplars(metrics, .timeToFirstToken).map(\.trace) == [Self.trace(7)])
        #expect(exemplars(metrics, .timePerOutputToken).map(\.trace) == [Self.trace(8)])
        #expect(exemplars(metrics).map(\.trace) == [Self.trace(8)])
    }

    @Test(
        "the filter decides which requests become exemplars",
        arguments: [
            (.traceBased, [trace(1)]), (.alwaysOn, [trace(1), trace(2, isSampled: false), nil]), (.alwaysOff, []),
        ] as [(RequestConfiguration.ExemplarFilter, [RequestTrace?])]
    )
    func filter(filter: RequestConfiguration.ExemplarFilter, expected: [RequestTrace?]) {
        let metrics = metrics(filter: filter)
        serve(metrics, Self.trace(1), .milliseconds(1))
        serve(metrics, Self.trace(2, isSampled: false), .milliseconds(100))
        serve(metrics, nil, .seconds(1))
        #expect(exemplars(metrics).map(\.trace) == expected)
    }

    @Test("series do not mix theirs, over many pages")
    func manySeries() {
        let metrics = metrics()
        for number in 1...40 { serve(metrics, Self.trace(number), .milliseconds(1), model: "m\(number)") }
        let points = histogram(.requestDuration, of: metrics)
        #expect(points.map { $0.exemplars.map(\.trace) } == (1...40).map { [Self.trace($0)] })
    }

    @Test("an export has those of its interval, once; the text has the newest in any case", arguments: [false, true])
    func interval(isExponential: Bool) throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": server.url, "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_ENABLE_GPU_METRICS": "false",
            "GENAI_LOG_LEVEL": "none",
        ])
        if isExponential { configuration.otlp.histogramAggregation = .base2Exponential }
        let instrumentation = GenAIInstrumentation(configuration)
        instrumentation.start()
        for number in 1...2 {
            let request = instrumentation.serverMetrics.beginRequest(model: "m")
            request.trace = Self.trace(number)
            request.finish()
            #expect(instrumentation.forceFlush())
        }
        #expect(instrumentation.shutdown())
        let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies.map { $0.contains("exemplars") } == [true, true, false])
        let ids = [1, 2].map { Self.trace($0).traceID }
        #expect(
            bodies.map { body in ids.map { body.contains($0) } } == [[true, false], [false, true], [false, false]]
        )
        #expect(bodies[0].contains(isExponential ? "exponentialHistogram" : "explicitBounds"))
        let text = instrumentation.openMetricsText()
        #expect(text.contains(" # {trace_id=\"\(ids[1])\",span_id=\"0000000000000002\"} "))
        #expect(!instrumentation.prometheusText().contains("trace_id"))
    }

    @Test("OpenMetrics has them behind the bucket that they fall into")
    func text() throws {
        let metrics = metrics()
        serve(metrics, Self.trace(1), .milliseconds(40))
        serve(metrics, Self.trace(2), .seconds(100))
        let text = PrometheusTextEncoder(resource: Resource([:])).encode(
            metrics.snapshot(time: 1_700_000_100_040_000_000),
            as: .openMetrics
        )
        let lines = text.split(separator: "\n").filter { $0.contains("duration_seconds_bucket") }
        let ids = (1...2).map { "# {trace_id=\"\(Self.trace($0).traceID)\",span_id=\"\(Self.trace($0).spanID)\"}" }
        #expect(lines.filter { $0.contains("#") }.count == 2)
        #expect(lines.contains { $0.hasSuffix("le=\"0.04\"} 1 \(ids[0]) 0.04 1700000000.04") })
        #expect(lines.contains { $0.hasSuffix("le=\"+Inf\"} 2 \(ids[1]) 100.0 1700000100.04") })
    }
}

@Suite("OpenMetrics text")
struct OpenMetricsTests {
    @Test("families, numbers and the end are as OpenMetrics 1.0 wants them")
    func text() {
        let histogram = HistogramPoint(
            [],
            bounds: [1, 2.5],
            bucketCounts: [1, 0, 0],
            count: 1,
            sum: 1,
            range: nil,
            start: 0
        )
        let descriptor = MetricDescriptor(name: "a.b", unit: "", description: "A \"quoted\"\nhelp")
        let snapshot = MetricSnapshot(
            time: 1,
            metrics: [
                Metric(.requests, .sum([NumberPoint([], .int(3))], .cumulative)),
                Metric(.timeToFirstToken, .histogram([histogram], .cumulative)),
                Metric(descriptor, [NumberPoint([], .double(1))]),
            ]
        )
        let resource = Resource(["service.name": .string("s")])
        let text = PrometheusTextEncoder(resource: resource).encode(snapshot, as: .openMetrics)
        #expect(
            text == #"""
                # HELP target Attributes of the process that reports these metrics
                # TYPE target info
                target_info{service_name="s"} 1
                # HELP gen_ai_requests Number of requests that have ended
                # TYPE gen_ai_requests counter
                gen_ai_requests_total 3
                # HELP gen_ai_server_time_to_first_token_seconds Time from a request's arrival to its first token, time in the queue included
                # TYPE gen_ai_server_time_to_first_token_seconds histogram
                gen_ai_server_time_to_first_token_seconds_bucket{le="1.0"} 1
                gen_ai_server_time_to_first_token_seconds_bucket{le="2.5"} 1
                gen_ai_server_time_to_first_token_seconds_bucket{le="+Inf"} 1
                gen_ai_server_time_to_first_token_seconds_sum 1
                gen_ai_server_time_to_first_token_seconds_count 1
                # HELP a_b A \"quoted\"\nhelp
                # TYPE a_b gauge
                a_b 1
                # EOF

                """#
        )
    }
}
