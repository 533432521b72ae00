// Damaged environments and answers: whatever comes, no crash and nothing out of range.

import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Random damage of settings and answers, the same in every run", .blocking)
struct MutationTests {
    private static let environment = [
        "OTEL_SDK_DISABLED": "false",
        "OTEL_METRICS_EXPORTER": "otlp,console",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pass@collector.example.com:4318/base?key=1",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://[::1]:4318/v1/metrics",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=abc%20def,authorization=Bearer%20x%3D%3D, b = c=d ",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "10000",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
        "GENAI_EXPORT_OWN_METRICS": "true",
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        "OTEL_METRIC_EXPORT_TIMEOUT": "30000",
        "OTEL_SERVICE_NAME": "llm server",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=x,deployment.environment.name=prod%C3%BC,k=",
        "OTEL_LOG_LEVEL": "info",
        "GENAI_LOG_LEVEL": "debug",
        "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "true",
        "OLLAMA_BASE_URL": "http://localhost:11434",
        "OLLAMA_HOST": "0.0.0.0:11434",
        "GENAI_OLLAMA_METRICS_INTERVAL": "5.0",
        "GENAI_OLLAMA_MAX_VRAM_GB": "24",
        "GENAI_SERVER_METRICS_TARGETS": "http://u:p@127.0.0.1:8000/metrics, https://vllm.example.com",
        "GENAI_SERVER_METRICS_INTERVAL": "2.5",
    ]
    private static let tokens = [
        "%", "%0", "%00", "%0d%0a", "%ff", ",", "=", ";", "://", "@", ":", "[", "]", "#", "?", "nan", "inf", "-1",
        "1e999",
        "99999999999999999999", "0", "\u{0}", "\r\n", "\u{202e}", "é", " ",
    ]

    @Test("damaged environments", arguments: 0..<8 as Range<UInt64>)
    func environments(seed: UInt64) throws {
        var mutator = Mutator(seed: seed, tokens: Self.tokens)
        let names = Self.environment.keys.sorted()
        for number in 0..<1000 {
            var environment = Self.environment
            let name = names[number % names.count]
            environment[name] = mutator.mutate(try #require(environment[name]))
            let configuration = GenAIConfiguration(environment: environment).validated()
            let durations = [configuration.exportInterval, configuration.exportTimeout, configuration.otlp.timeout]
            let headers = configuration.otlp.headers
            let isSound =
                durations.allSatisfy { $0 > .zero }
                && headers.allSatisfy { HTTPHeader.isValid(name: $0.key, value: $0.value) }
                && ["http", "https"].contains(configuration.otlp.endpoint.scheme) && !configuration.serviceName.isEmpty
            #expect(isSound, "\(name)=\(environment[name] ?? "")")
        }
    }

    private static let answers = [
        #"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too \u00e4lt"}}"#,
        #"{"partialSuccess":{"rejectedDataPoints":3}}"#, #"{"partialSuccess":null}"#,
        #"{"code":3,"message":"bad","details":[{"@type":"x"}]}"#,
    ]
    private static let answerTokens = [
        "{", "}", "[", "]", "\"", "\\", "\\ud800", "null", "-1", "1e999", "9223372036854775808", "NaN", "\u{0}", "true",
        String(repeating: "[", count: 2000), #""rejectedDataPoints":"#,
    ]

    @Test("damaged answers of a collector", arguments: 0..<8 as Range<UInt64>)
    func answers(seed: UInt64) {
        var mutator = Mutator(seed: seed, tokens: Self.answerTokens)
        for number in 0..<500 {
            let body = mutator.mutate(Array(Self.answers[number % Self.answers.count].utf8))
            for status in [200, 400] {
                let response = HTTPResponse(status: status, headers: ["content-type": "application/json"], body: body)
                switch OTLPAnswer(.success(response), now: .now) {
                case .delivered(let rejected, _): #expect(rejected >= 0 && status == 200)
                case .refused(let reason, _): #expect(reason.unicodeScalars.allSatisfy { $0.value >= 32 })
                case .retryable(let reason, _, _): Issue.record("\(status) is not retryable: \(reason)")
                }
            }
        }
    }

    private static let protobufAnswers: [[UInt8]] = [
        [0x0A, 0x06, 0x08, 0x05, 0x12, 0x02, 0x6E, 0x6F], [0x08, 0x03, 0x12, 0x03, 0x62, 0x61, 0x64], [0x0A, 0x00],
        [0x0A, 0x0B, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x1D, 0, 0, 0, 0],
    ]

    @Test("damaged answers of a collector in protobuf", arguments: 0..<4 as Range<UInt64>)
    func protobufAnswers(seed: UInt64) {
        var mutator = Mutator(seed: seed, tokens: ["\u{7f}", "\n", "\u{8}", "\u{0}", "ÿÿÿÿÿÿÿÿÿÿ", "\u{12}"])
        for number in 0..<1000 {
            let body = mutator.mutate(Self.protobufAnswers[number % Self.protobufAnswers.count])
            for status in [200, 400] {
                let headers = ["content-type": "application/x-protobuf"]
                let answer = OTLPAnswer(.success(HTTPResponse(status: status, headers: headers, body: body)), now: .now)
                switch answer {
                case .delivered(let rejected, _): #expect(rejected >= 0 && status == 200)
                case .refused(let reason, _):
                    #expect(reason.unicodeScalars.allSatisfy { $0.value >= 32 } && status == 400)
                case .retryable(let reason, _, _): Issue.record("\(status) is not retryable: \(reason)")
                }
            }
        }
    }

    @Test("damaged Retry-After headers ask for no less than nothing", arguments: 0..<4 as Range<UInt64>)
    func retryAfter(seed: UInt64) {
        var mutator = Mutator(seed: seed, tokens: ["-", ",", ":", "GMT", "99999999999999999999", "0", "Feb", "é", " "])
        for number in 0..<1000 {
            let value = mutator.mutate(number % 2 == 0 ? "120" : "Sun, 06 Nov 2094 08:49:37 GMT")
            if let delay = RetryAfter.delay(value, now: .now) { #expect(delay >= .zero, "\(value)") }
        }
    }
}
