import Foundation
import GenAIOtel
import TestSupport
import Testing

@Suite("OTLPJSONEncoder")
struct OTLPJSONEncoderTests {
    private let encoder = OTLPJSONEncoder(
        resource: Resource(["service.name": .string("test"), "process.pid": .int(7)])
    )

    private func json(_ metrics: [Metric]) -> String {
        String(
            decoding: encoder.encode(MetricSnapshot(time: 1_700_000_000_000_000_001, metrics: metrics)),
            as: UTF8.self
        )
    }

    /// The decoded point of a gauge whose only attribute is `model`.
    private func decodedPoint(model: String, _ value: NumberValue) throws -> [String: Any] {
        let text = json([Metric(.kvCacheUsage, [NumberPoint([Attribute("model", .string(model))], value)])])
        var node = try JSONSerialization.jsonObject(with: Data(text.utf8))
        for key in ["resourceMetrics", "scopeMetrics", "metrics", "gauge", "dataPoints"] {
            let child = try #require((node as? [String: Any])?[key])
            node = try #require((child as? [Any])?.first ?? child)
        }
        return try #require(node as? [String: Any])
    }

    private func decodedModel(_ model: String) throws -> String? {
        let attributes = try decodedPoint(model: model, .int(1))["attributes"] as? [[String: Any]]
        return (attributes?.first?["value"] as? [String: Any])?["stringValue"] as? String
    }

    @Test("a request is exactly what the specification asks for")
    func wholeRequest() {
        let model = NumberPoint([Attribute("model", .string("gpt-4"))], .double(75.5))
        let text = json([
            Metric(.kvCacheUsage, [model]),
            Metric(.requestsRunning, [NumberPoint([], .int(5)), NumberPoint([], .int(-6))]),
        ])
        #expect(
            text
                == #"""
                {"resourceMetrics":[{"resource":{"attributes":[{"key":"process.pid","value":{"intValue":"7"}},
                {"key":"service.name","value":{"stringValue":"test"}}]},
                "scopeMetrics":[{"scope":{"name":"genai.server","version":"\#(PackageInfo.version)"},"metrics":[
                {"name":"gen_ai.server.kv_cache.usage","description":"GPU KV-cache usage percentage (0-100)","unit":"%",
                "gauge":{"dataPoints":[{"attributes":[{"key":"model","value":{"stringValue":"gpt-4"}}],
                "timeUnixNano":"1700000000000000001","asDouble":75.5}]}},
                {"name":"gen_ai.server.requests.running","description":"Number of requests currently executing",
                "unit":"{request}","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000001","asInt":"5"},
                {"timeUnixNano":"1700000000000000001","asInt":"-6"}]}}]}]}]}
                """#.replacingOccurrences(of: "\n", with: "")
        )
    }

    @Test("sums and histograms carry their start, temporality and buckets")
    func accumulated() {
        let model = [Attribute("gen_ai.request.model", .string("m"))]
        let histogram = HistogramPoint(
            model,
            bounds: [0.75, 2],
            bucketCounts: [1, 0, 2],
            count: 3,
            sum: 4.5,
            range: 0.5...3,
            start: 7
        )
        let interval = HistogramPoint(
            [],
            bounds: [0.75, 2],
            bucketCounts: [1, 0, 0],
            count: 1,
            sum: 0.25,
            range: nil,
            start: 7
        )
        let text = json([
            Metric(.requests, .sum([NumberPoint(model, .int(3), start: 7)], .cumulative)),
            Metric(
                .requestDuration,
                .histogram([histogram, interval], .delta)
            ),
        ])
        #expect(
            text.components(separatedBy: #""metrics":["#).last
                == #"""
                {"name":"gen_ai.requests","description":"Number of requests that have ended","unit":"{request}",
                "sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[
                {"attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}}],"startTimeUnixNano":"7",
                "timeUnixNano":"1700000000000000001","asInt":"3"}]}},
                {"name":"gen_ai.server.request.duration",
                "description":"Time from a request's arrival to its end, time in the queue included","unit":"s",
                "histogram":{"aggregationTemporality":1,"dataPoints":[
                {"attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}}],"startTimeUnixNano":"7",
                "timeUnixNano":"1700000000000000001","count":"3","sum":4.5,"bucketCounts":["1","0","2"],
                "explicitBounds":[0.75,2.0],"min":0.5,"max":3.0},
                {"startTimeUnixNano":"7","timeUnixNano":"1700000000000000001","count":"1","sum":0.25,
                "bucketCounts":["1","0","0"],"explicitBounds":[0.75,2.0]}]}}]}]}]}
                """#.replacingOccurrences(of: "\n", with: "")
        )
    }

    @Test(
        "names come out as they went in",
        arguments: [
            "quote \" backslash \\ slash /", "line\nfeed\r\ttab", "\u{0}\u{1}\u{8}\u{b}\u{c}\u{1f}\u{7f}",
            "émoji 🦙 \u{1F469}\u{200D}\u{1F4BB}",
            "\u{2028}\u{2029}\u{FEFF}", String(decoding: [0x61, 0xED, 0xA0, 0x80, 0xFF], as: UTF8.self), " ", "{}[],:",
        ]
    )
    func escaping(name: String) throws {
        let decoded = try decodedModel(name)
        #expect(decoded.map { Array($0.unicodeScalars) } == Array(name.unicodeScalars))
    }

    @Test("integers are decimal strings over the whole range", arguments: [0, 9, 10, -1, Int.max, Int.min])
    func integers(value: Int) throws {
        #expect(try decodedPoint(model: "m", .int(value))["asInt"] as? String == "\(value)")
    }

    @Test(
        "doubles are JSON numbers that read back as the same value",
        arguments: [
            0, -0.0, 0.1, 1, 100, 33.333333333333336, 1e-7, 2.2250738585072014e-308, 1.7976931348623157e308, -2.5e-10,
            1e16,
            123456789.125,
        ]
    )
    func doubles(value: Double) throws {
        #expect(try decodedPoint(model: "m", .double(value))["asDouble"] as? Double == value)
    }

    @Test("boolean attributes and points without a unit")
    func others() {
        let text = json([Metric(.up, [NumberPoint([Attribute("otel.metric.overflow", .bool(true))], .int(1))])])
        #expect(text.contains(#"{"key":"otel.metric.overflow","value":{"boolValue":true}}"#))
        #expect(!text.contains("unit"))
    }
}
