// Many requests with every kind of end, while exports fail: nothing is counted twice, and nothing is lost.

import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Tracked requests: exact sums over failing exports", .blocking)
struct RequestSumsTests {
    /// What the tasks know that they have done.
    private struct Expected: Sendable {
        var requests: [String: Int] = [:]
        var input = 0
        var output = 0
        var cacheQueries = 0
        var cacheHits = 0
        var firstTokens = 0
        var queued = 0
        var good = 0

        mutating func add(_ other: Expected) {
            requests.merge(other.requests, uniquingKeysWith: +)
            input += other.input
            output += other.output
            cacheQueries += other.cacheQueries
            cacheHits += other.cacheHits
            firstTokens += other.firstTokens
            queued += other.queued
            good += other.good
        }
    }

    private struct Broken: Error {}
    private static let tasks = 8
    private static let requestsPerTask = 10_000

    @Test(
        "8 tasks with 10 000 requests each are exact to the token, over ten exports with failures in between",
        arguments: [false, true],
        [OTLPConfiguration.Temporality.cumulative, .delta]
    )
    func exact(isProtobuf: Bool, temporality: OTLPConfiguration.Temporality) throws {
        // In turn: accepted, refused for good, closed without an answer.
        let exports = Monitor((count: 0, isLast: false, accepted: [Data]()))
        let server = try LoopbackServer(keepsRequests: false) { request in
            exports.mutate { exports in
                defer { exports.count += 1 }
                switch exports.isLast ? 0 : exports.count % 3 {
                case 1: return .text("", status: 400)
                case 2: return .close
                default:
                    exports.accepted.append(request.body)
                    return .response(200)
                }
            }
        }
        defer { server.stop() }
        let instrumentation = GenAIInstrumentation(configuration(server.url, isProtobuf, temporality))
        instrumentation.start()
        let expected = Locked(Expected())
        let progress = Monitor(0)
        let work = Thread {
            DispatchQueue.concurrentPerform(iterations: Self.tasks) { task in
                var generator = SeededGenerator(seed: UInt64(task))
                var own = Expected()
                for number in 0..<Self.requestsPerTask {
                    Self.serve(instrumentation.serverMetrics, &generator, &own)
                    if number % 100 == 99 { progress.mutate { $0 += 100 } }
                }
                expected.withLock { $0.add(own) }
            }
            progress.mutate { $0 = .max }
        }
        work.start()
        let all = Self.tasks * Self.requestsPerTask
        for export in 1...9 {
            let isFarEnough: Bool? = progress.wait(until: .now + .seconds(120)) { $0 >= all * export / 10 ? true : nil }
            #expect(isFarEnough == true)
            instrumentation.forceFlush(timeout: .milliseconds(500))
        }
        let hasEnded: Bool? = progress.wait(until: .now + .seconds(120)) { $0 == .max ? true : nil }
        #expect(hasEnded == true)
        // Accepted, as is what still waits.
        exports.mutate { $0.isLast = true }
        #expect(instrumentation.shutdown(timeout: .seconds(20)))

        let accepted = try exports.read { $0.accepted }.map { try Sums(of: $0, isProtobuf: isProtobuf) }
        #expect(accepted.count >= 4)
        let sums =
            temporality == .cumulative
            ? try #require(accepted.last).values
            : accepted.reduce(into: [:]) { $0.merge($1.values, uniquingKeysWith: +) }
        let counted = expected.withLock { $0 }
        #expect(counted.requests.values.reduce(0, +) == all)
        for (error, count) in counted.requests { #expect(sums["gen_ai.requests \(error)"] == count) }
        let others = [
            "gen_ai.server.tokens input": counted.input, "gen_ai.server.tokens output": counted.output,
            "gen_ai.server.prefix_cache.queries ": counted.cacheQueries,
            "gen_ai.server.prefix_cache.hits ": counted.cacheHits,
            "gen_ai.server.time_to_first_token ": counted.firstTokens,
            "gen_ai.server.request.queue_time ": counted.queued, "gen_ai.server.requests.good ": counted.good,
        ]
        for (name, count) in others { #expect(sums[name] == count, "\(name)") }
    }

    private func configuration(
        _ url: String,
        _ isProtobuf: Bool,
        _ temporality: OTLPConfiguration.Temporality
    ) -> GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url, "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            "OTEL_EXPORTER_OTLP_PROTOCOL": isProtobuf ? "http/protobuf" : "http/json",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", "GENAI_ENABLE_GPU_METRICS": "false",
            "GENAI_LOG_LEVEL": "none",
        ])
        configuration.otlp.temporality = temporality
        configuration.requests.objectives = [RequestObjective("any", duration: .seconds(3600))]
        return configuration
    }

    /// One request that takes a random way to a random end.
    private static func serve(
        _ metrics: ServerMetricsCollector,
        _ generator: inout SeededGenerator,
        _ expected: inout Expected
    ) {
        func random(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
        let isQueued = random(2) == 0
        let model = "m\(random(3))"
        var streamed = 0
        var error = ""
        var total: Int?
        func progress(_ request: ServerRequest) {
            if random(3) > 0 {
                request.markFirstToken()
                request.markFirstToken()
                expected.firstTokens += 1
            }
            for _ in 0..<random(4) {
                let tokens = random(9) - 1
                request.addOutputTokens(tokens)
                streamed += max(tokens, 0)
            }
            let input = random(100)
            let cached = random(120)
            switch random(6) {
            case 0:
                total = streamed + random(50)
                request.finish(inputTokens: input, outputTokens: total, cachedInputTokens: cached)
                expected.input += input
                expected.cacheQueries += input
                expected.cacheHits += min(cached, input)
                // What comes after the end does not count.
                request.finish(inputTokens: 7, outputTokens: 1_000, error: Broken())
                request.addOutputTokens(99)
            case 1:
                total = random(20)
                request.finish(outputTokens: total)
            case 2:
                request.finish(inputTokens: input, outcome: .clientGone)
                expected.input += input
                error = "client_gone"
            default: error = "ends by its scope"
            }
        }
        if isQueued {
            expected.queued += 1
            let request = metrics.enqueueRequest(model: model)
            if random(4) > 0 { request.start() }
            progress(request)
            // The rest are dropped.
            if error == "ends by its scope" { error = "abandoned" }
        } else {
            let throwsError = random(2) == 0
            try? metrics.trackRequest(model: model) { request in
                progress(request)
                if throwsError { throw Broken() }
            }
            if error == "ends by its scope" { error = throwsError ? "Broken" : "" }
        }
        expected.requests[error, default: 0] += 1
        expected.output += max(total ?? 0, streamed)
        if error.isEmpty { expected.good += 1 }
    }
}

/// The sums and the counts of histograms in a request's body, by name and what tells them apart, over all models.
private struct Sums {
    private(set) var values: [String: Int] = [:]

    init(of body: Data, isProtobuf: Bool) throws {
        let message =
            isProtobuf
            ? try ProtobufMessage.decode(Array(body))
            : try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
        var node = message
        for key in ["resourceMetrics", "scopeMetrics"] { node = try #require((node[key] as? [[String: Any]])?.first) }
        for metric in try #require(node["metrics"] as? [[String: Any]]) {
            let data = (metric["sum"] ?? metric["histogram"]) as? [String: Any]
            for point in data?["dataPoints"] as? [[String: Any]] ?? [] {
                let number = try #require((point["asInt"] ?? point["count"]) as? String)
                let name = "\(metric["name"] ?? "") \(Self.distinction(point))"
                values[name, default: 0] += try #require(Int(number))
            }
        }
    }

    private static func distinction(_ point: [String: Any]) -> String {
        let attributes = point["attributes"] as? [[String: Any]] ?? []
        let wanted = attributes.first { ["error.type", "gen_ai.token.type"].contains($0["key"] as? String) }
        return (wanted?["value"] as? [String: Any])?["stringValue"] as? String ?? ""
    }
}
