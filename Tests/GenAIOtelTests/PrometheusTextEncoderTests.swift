import Foundation
import GenAIOtel
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("PrometheusTextEncoder")
struct PrometheusTextEncoderTests {
    private func text(_ metrics: [Metric], resource: [String: AttributeValue] = ["service.name": .string("test")])
        -> String
    {
        PrometheusTextEncoder(resource: Resource(resource)).encode(MetricSnapshot(time: 1, metrics: metrics))
    }

    /// What stands in a label after a value was put into it.
    private func label(_ value: String) -> String {
        let text = text([Metric(.kvCacheUsage, [NumberPoint([Attribute("model", .string(value))], .int(1))])])
        let start = "gen_ai_server_kv_cache_usage{model=\""
        let line = text.components(separatedBy: "\n").first { $0.hasPrefix(start) } ?? ""
        return String(line.dropFirst(start.count).dropLast("\"} 1".count))
    }

    @Test("gauges, counters and histograms, with the names that users query")
    func golden() {
        let kind = [
            Attribute("gen_ai.request.model", .string("gpt-4")), Attribute("gen_ai.operation.name", .string("chat")),
        ]
        let failed = kind + [Attribute("error.type", .string("Overloaded"))]
        let histogram = HistogramPoint(
            kind,
            bounds: [0.001, 1, 2.5],
            bucketCounts: [1, 0, 2, 3],
            count: 6,
            sum: 12.5,
            range: 0.1...9,
            start: 0
        )
        let server = [Attribute("server.address", .string("::1")), Attribute("server.port", .int(8000))]
        #expect(
            text([
                Metric(.kvCacheUsage, [NumberPoint([Attribute("model", .string("gpt-4"))], .double(75.5))]),
                Metric(.requestsWaiting, [NumberPoint([], .int(-3)), NumberPoint(server, .int(10))]),
                Metric(.modelVRAM, [NumberPoint([.overflow], .double(1e16))]),
                Metric(.requests, .sum([NumberPoint(kind, .int(.max)), NumberPoint(failed, .int(1))], .cumulative)),
                Metric(.timeToFirstToken, .histogram([histogram], .cumulative)),
            ])
                == """
                # HELP target_info Attributes of the process that reports these metrics
                # TYPE target_info gauge
                target_info{service_name="test"} 1
                # HELP gen_ai_server_kv_cache_usage GPU KV-cache usage percentage (0-100)
                # TYPE gen_ai_server_kv_cache_usage gauge
                gen_ai_server_kv_cache_usage{model="gpt-4"} 75.5
                # HELP gen_ai_server_requests_waiting Number of requests waiting in queue
                # TYPE gen_ai_server_requests_waiting gauge
                gen_ai_server_requests_waiting -3
                gen_ai_server_requests_waiting{server_address="::1",server_port="8000"} 10
                # HELP gen_ai_server_model_vram GPU memory that a loaded model occupies
                # TYPE gen_ai_server_model_vram gauge
                gen_ai_server_model_vram{otel_metric_overflow="true"} 1e+16
                # HELP gen_ai_requests_total Number of requests that have ended
                # TYPE gen_ai_requests_total counter
                gen_ai_requests_total{gen_ai_request_model="gpt-4",gen_ai_operation_name="chat"} 9223372036854775807
                gen_ai_requests_total{gen_ai_request_model="gpt-4",gen_ai_operation_name="chat",error_type="Overloaded"} 1
                # HELP gen_ai_server_time_to_first_token_seconds \(MetricDescriptor.timeToFirstToken.description)
                # TYPE gen_ai_server_time_to_first_token_seconds histogram
                \(bucket("0.001", 1))
                \(bucket("1", 1))
                \(bucket("2.5", 3))
                \(bucket("+Inf", 6))
                gen_ai_server_time_to_first_token_seconds_sum{\(kindLabels)} 12.5
                gen_ai_server_time_to_first_token_seconds_count{\(kindLabels)} 6

                """
        )
    }

    private let kindLabels = #"gen_ai_request_model="gpt-4",gen_ai_operation_name="chat""#

    private func bucket(_ bound: String, _ count: Int) -> String {
        "gen_ai_server_time_to_first_token_seconds_bucket{\(kindLabels),le=\"\(bound)\"} \(count)"
    }

    @Test("a histogram without attributes has le alone")
    func noAttributes() {
        let point = HistogramPoint(
            [],
            bounds: [1],
            bucketCounts: [1, 0],
            count: 1,
            sum: 1,
            range: nil,
            start: 0
        )
        let text = text([Metric(.requestDuration, .histogram([point], .cumulative))])
        #expect(text.contains("_bucket{le=\"1\"} 1\n"))
        #expect(text.contains("_seconds_sum 1\n"))
        #expect(text.contains("_seconds_count 1\n"))
    }

    @Test(
        "label values are escaped, so that a name can't be a line of its own",
        arguments: [
            ("plain", "plain"), ("a\"b", #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), (#"\n"#, #"\\n"#),
            ("x\"} 1\nup 0\ny{z=\"", #"x\"} 1\nup 0\ny{z=\""#), ("a\r\tb", "a\r\tb"), ("🦙 é", "🦙 é"), ("", ""),
            ("nul\u{0}", "nul\u{FFFD}"),
            (String(decoding: [0x61, 0xED, 0xA0, 0x80], as: UTF8.self), "a\u{FFFD}\u{FFFD}\u{FFFD}"),
        ]
    )
    func escaping(value: String, expected: String) {
        #expect(label(value).unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test(
        "label names are made of what is allowed in them",
        arguments: [
            ("gen_ai.request.model", "gen_ai_request_model"), ("a-b/c", "a_b_c"), ("__name__", "_name_"),
            ("1st", "key_1st"), ("é", "_"), ("", "_"), ("a..b", "a_b"), ("le", "le"),
        ]
    )
    func labelNames(key: String, expected: String) {
        #expect(PrometheusTextEncoder.prometheusName(key) == expected)
    }

    @Test("resource attributes that become one label are joined in the order of their keys, whatever their text")
    func collisions() {
        let text = text(
            [],
            resource: [
                "a.b": .string("1"), "a_b": .string("3\""), "a-b": .int(0), "a:b": .bool(true), "z": .string("\n"),
            ]
        )
        #expect(text.hasSuffix("\ntarget_info{a_b=\"0;1;true;3\\\"\",z=\"\\n\"} 1\n"))
    }

    @Test(
        "doubles read as Go writes them",
        arguments: [(1.0, "1"), (0.01, "0.01"), (2.5, "2.5"), (-0.0, "-0"), (1e-7, "1e-07")]
    )
    func numbers(value: Double, expected: String) {
        #expect(TextWriter.string(capacity: 32) { $0.prometheusNumber(.double(value)) } == expected)
    }
}

@Suite("GenAIInstrumentation.prometheusText")
struct PrometheusTextTests {
    @Test(
        "works without exporters and when the package is disabled",
        arguments: [["OTEL_METRICS_EXPORTER": "none"], ["OTEL_SDK_DISABLED": "true"]]
    )
    func withoutExporters(environment: [String: String]) {
        var configuration = GenAIConfiguration(environment: environment)
        configuration.serviceName = "shop"
        let instrumentation = GenAIInstrumentation(configuration)
        instrumentation.serverMetrics.trackRequest(model: "m") { _ in }
        let text = instrumentation.prometheusText()
        #expect(text.contains("service_name=\"shop\""))
        let labels = #"{gen_ai_request_model="m",gen_ai_operation_name="chat",gen_ai_provider_name="shop"}"#
        #expect(text.contains("gen_ai_requests_total\(labels) 1\n"))
        #expect(text.contains("\ngen_ai_server_requests_running 0\n"))
        #expect(text.hasSuffix("\n"))
    }
}
