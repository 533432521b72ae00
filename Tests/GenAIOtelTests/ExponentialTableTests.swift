import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("ExponentialTable")
struct ExponentialTableTests {
    /// The bucket that a value belongs into: the largest power below it.
    private func bucket(_ nanoseconds: UInt64, scale: Int) -> Int {
        let seconds = Double(nanoseconds) / 1e9
        return Int((log2(seconds) * exp2(Double(scale))).rounded(.up)) - 1
    }

    private func buckets(_ values: [UInt64]) -> ExponentialBuckets? {
        var table = ExponentialTable()
        for value in values { table.record(nanoseconds: value, in: 5) }
        return table.buckets(of: 5)
    }

    @Test("one value has one bucket, as fine as can be; zeros are apart; nothing is nothing")
    func few() {
        #expect(buckets([]) == nil)
        #expect(ExponentialTable().buckets(of: 0) == nil)
        #expect(buckets([0, 0]) == ExponentialBuckets(scale: 20, offset: 0, counts: [], zeroCount: 2))
        // A bound belongs to the bucket below it.
        #expect(buckets([1_000_000_000]) == ExponentialBuckets(scale: 20, offset: -1, counts: [1], zeroCount: 0))
        #expect(buckets([2_000_000_000, 2_000_000_000])?.offset == (1 << 20) - 1)
        #expect(buckets([1, .max, 0])?.counts.reduce(0, +) == 2)
    }

    @Test(
        "values of any spread are in the right buckets, at the finest scale that 160 are enough for",
        arguments: 0..<60
    )
    func spread(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let values = (0..<200).map { _ in UInt64.random(in: 1...UInt64.max >> (seed % 60), using: &generator) }
            .map { $0 + UInt64(seed % 7) * 1_000_000_000 }
        var table = ExponentialTable()
        var merges = 0
        for (number, value) in values.enumerated() {
            table.record(nanoseconds: value, in: 1)
            // What is there already moves, and none is lost.
            let result = try #require(table.buckets(of: 1))
            #expect(result.counts.reduce(0, +) == UInt64(number + 1))
            #expect(20 - result.scale >= merges)
            merges = 20 - result.scale
        }
        let result = try #require(table.buckets(of: 1))
        let finest = values.map { bucket($0, scale: 20) }
        var expected: [Int: UInt64] = [:]
        for index in finest { expected[index >> merges, default: 0] += 1 }
        var found: [Int: UInt64] = [:]
        for (position, count) in result.counts.enumerated() where count > 0 { found[result.offset + position] = count }
        #expect(found == expected)
        #expect(result.counts.count <= 160)
        let (least, most) = (try #require(finest.min()), try #require(finest.max()))
        #expect(merges == 0 || (most >> (merges - 1)) - (least >> (merges - 1)) >= 160)
    }

    @Test("what was counted since is what the earlier buckets lack, whatever their scale", arguments: 0..<20)
    func difference(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        func values(_ count: Int, upTo limit: UInt64) -> [UInt64] {
            (0..<count).map { _ in UInt64.random(in: 1...limit, using: &generator) }
        }
        let (early, late) = (values(20, upTo: 1_000_000), values(30, upTo: 1_000_000 << UInt64(seed)) + [0])
        let all = try #require(buckets(early + late))
        let delta = all.subtracting(try #require(buckets(early)))
        #expect(delta.scale == all.scale)
        #expect(delta.counts.reduce(0, +) == 30)
        #expect(delta.zeroCount == 1)
        #expect(delta.counts.first != 0 && delta.counts.last != 0)
        for value in late where value > 0 {
            let place = bucket(value, scale: 20) >> (20 - delta.scale) - delta.offset
            #expect(delta.counts.indices.contains(delta.counts.startIndex + place))
        }
        #expect(all.subtracting(all).counts.isEmpty)
    }
}

@Suite("Exponential histograms of tracked requests", .blocking)
struct ExponentialExportTests {
    @Test("OTLP has them in either encoding and temporality; the servers' own and the Prometheus text are as before")
    func exported() throws {
        for temporality in ["cumulative", "delta"] {
            let server = try LoopbackServer(always: .json("{}"))
            defer { server.stop() }
            var configuration = GenAIConfiguration(environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality, "GENAI_LOG_LEVEL": "none",
            ])
            configuration.ollama = nil
            let instrumentation = GenAIInstrumentation(configuration)
            instrumentation.start()
            let metrics = instrumentation.serverMetrics
            func readDuration(_ count: UInt64) {
                var model = ModelReading(model: "theirs")
                model.requestDuration = HistogramReading(bounds: [1], bucketCounts: [count, 0], sum: 0.5)
                let server = ServerIdentity(engine: "mine", address: "h", port: 1)
                metrics.record(ServerReading(server: server, models: [model]))
            }
            readDuration(2)
            metrics.trackRequest(model: "ours") { _ in }
            #expect(instrumentation.forceFlush())
            readDuration(5)
            metrics.trackRequest(model: "ours") { _ in }
            #expect(instrumentation.shutdown())
            let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
            #expect(bodies.count == 2)
            let last = try #require(bodies.last)
            #expect(last.components(separatedBy: #""scope":"#).count == 3, "one scope can't have both kinds")
            let parts = last.components(separatedBy: #""scope":{"name":"genai.server.polled""#)
            #expect(parts[0].contains(#""exponentialHistogram""#) && !parts[0].contains(#""histogram""#))
            #expect(parts[1].contains("theirs") && !parts[1].contains("ours"))
            #expect(parts[0].contains(temporality == "delta" ? #""count":"1""# : #""count":"2""#))
            let text = instrumentation.prometheusText()
            #expect(text.contains(#"gen_ai_server_request_duration_seconds_bucket{gen_ai_request_model="ours""#))
        }
    }

    @Test("the aggregation is a word in any case; another one warns")
    func words() {
        let name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
        for (word, expected, warnings) in [
            ("Base2_Exponential_Bucket_Histogram", OTLPConfiguration.HistogramAggregation.base2Exponential, 0),
            ("explicit_bucket_histogram", .explicitBuckets, 0), ("", .explicitBuckets, 0), ("x", .explicitBuckets, 1),
        ] {
            let configuration = GenAIConfiguration(environment: [name: word])
            #expect(configuration.otlp.histogramAggregation == expected)
            #expect(configuration.warnings.count == warnings)
        }
    }
}
