import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Every engine's page gives its figures", .blocking)
struct KnownEnginesTests {
    private struct Expected {
        var page: String
        var engine: String
        var models: [ModelReading]
    }

    private static let expected = [
        Expected(
            page: "vllm-0.32.0-busy.txt",
            engine: "vllm",
            models: [
                ModelReading(
                    model: "acme/tiny-llama",
                    kvCacheUsage: 17.391304347826086,
                    requestsRunning: 4,
                    requestsWaiting: 8
                )
            ]
        ),
        // The three gauges are absent until the first request. Absent is not zero.
        Expected(
            page: "vllm-0.32.0-two-replicas-fresh.txt",
            engine: "vllm",
            models: [ModelReading(model: #"Org/Model-"q""#)]
        ),
        Expected(
            page: "made-vllm-two-replicas-busy.txt",
            engine: "vllm",
            models: [ModelReading(model: "acme/large", kvCacheUsage: 50, requestsRunning: 7, requestsWaiting: 5)]
        ),
        Expected(
            page: "made-vllm-both-kv-names.txt",
            engine: "vllm",
            models: [ModelReading(model: "acme/old", kvCacheUsage: 50, requestsRunning: 2, requestsWaiting: 4)]
        ),
        Expected(
            page: "vllm-0.8.5-busy.txt",
            engine: "vllm",
            models: [
                ModelReading(
                    model: "acme/tiny-llama",
                    kvCacheUsage: 64.58333333333333,
                    requestsRunning: 4,
                    requestsWaiting: 8
                )
            ]
        ),
        Expected(
            page: "vllm-0.8.5-idle.txt",
            engine: "vllm",
            models: [ModelReading(model: "acme/tiny-llama", kvCacheUsage: 0, requestsRunning: 0, requestsWaiting: 0)]
        ),
        // The largest of the tensor-parallel ranks, summed over the data-parallel ones; the fuller pool.
        Expected(
            page: "made-sglang-busy.txt",
            engine: "sglang",
            models: [ModelReading(model: "acme/wide", kvCacheUsage: 37.5, requestsRunning: 8, requestsWaiting: 4)]
        ),
        Expected(
            page: "made-tgi-busy.txt",
            engine: "tgi",
            models: [ModelReading(model: nil, kvCacheUsage: 25, requestsRunning: 3, requestsWaiting: 2)]
        ),
        Expected(
            page: "llamacpp-b11549-busy.txt",
            engine: "llama.cpp",
            models: [ModelReading(model: nil, requestsRunning: 2, requestsWaiting: 4)]
        ),
        Expected(
            page: "llamacpp-b11549-idle.txt",
            engine: "llama.cpp",
            models: [ModelReading(model: nil, requestsRunning: 0, requestsWaiting: 0)]
        ),
        Expected(
            page: "made-tensorrt-llm-busy.txt",
            engine: "tensorrt-llm",
            models: [
                ModelReading(
                    model: "acme/fast",
                    kvCacheUsage: 62.5,
                    requestsRunning: 5,
                    requestsWaiting: 1,
                    requestsMax: 64
                )
            ]
        ),
        Expected(
            page: "made-triton-busy.txt",
            engine: "triton",
            models: [
                ModelReading(
                    model: "ensemble",
                    kvCacheUsage: 31.25,
                    requestsRunning: 13,
                    requestsWaiting: 7,
                    requestsMax: 256
                )
            ]
        ),
        Expected(
            page: "made-lmdeploy-busy.txt",
            engine: "lmdeploy",
            models: [ModelReading(model: "acme/lm", kvCacheUsage: 18.75, requestsRunning: 5, requestsWaiting: 5)]
        ),
        Expected(
            page: "made-aphrodite-busy.txt",
            engine: "aphrodite",
            models: [ModelReading(model: "acme/hera", kvCacheUsage: 37.5, requestsRunning: 3, requestsWaiting: 1)]
        ),
        Expected(
            page: "made-dynamo-busy.txt",
            engine: "dynamo",
            models: [ModelReading(model: "acme/dynamo", requestsRunning: 7, requestsWaiting: 5)]
        ),
        Expected(
            page: "made-nim-busy.txt",
            engine: "nim",
            models: [
                ModelReading(
                    model: "acme/nim",
                    kvCacheUsage: 43.75,
                    requestsRunning: 9,
                    requestsWaiting: 6,
                    requestsMax: 2048
                )
            ]
        ),
    ]

    @Test("a recorded or made-up page of the engine", arguments: expected.map(\.page))
    func page(name: String) throws {
        let expected = try #require(Self.expected.first { $0.page == name })
        let page = try #require(EnginePage(try Fixture.bytes(name)))
        #expect(page.engine.name == expected.engine)
        #expect(page.models.map(\.gauges) == expected.models)
    }

    @Test("every engine of the table has a page here")
    func complete() {
        #expect(Set(Self.expected.map(\.engine)) == Set(Engine.known.map(\.name)))
    }

    @Test("the documentation names every metric that is read, in the engine's own section")
    func documentation() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../docs/engines.md")
        let sections = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n### ")
        for engine in Engine.known where engine.name != "aphrodite" {
            let heading = engine.name.filter(\.isLetter)
            let section = try #require(
                sections.first { $0.prefix { $0 != "\n" }.lowercased().filter(\.isLetter) == heading },
                "\(engine.name)"
            )
            let names = section.replacing(":", with: "_")
            for metric in engine.figures.flatMap(\.value.documentedMetrics) {
                // TensorRT-LLM without its prefix has the names of the other one.
                #expect(
                    names.contains(engine.prefix + metric + "`") || names.contains("_" + metric + "`"),
                    "\(engine.name): \(metric)"
                )
            }
        }
    }

    @Test("line ends of Windows change nothing", arguments: expected.map(\.page))
    func carriageReturns(name: String) throws {
        let text = try Fixture.text(name).split(separator: "\n", omittingEmptySubsequences: false).joined(
            separator: "\r\n"
        )
        #expect(EnginePage(Array(text.utf8))?.models == EnginePage(try Fixture.bytes(name))?.models)
    }
}

extension Engine.Formula {
    /// The names of samples and histograms.
    fileprivate var documentedMetrics: [String] {
        if case .histogram(let histograms, _) = self { histograms.map(\.name) } else { metrics }
    }
}

extension ModelReading {
    /// The four gauges that most engines have.
    var gauges: ModelReading {
        ModelReading(
            model: model,
            kvCacheUsage: kvCacheUsage,
            requestsRunning: requestsRunning,
            requestsWaiting: requestsWaiting,
            requestsMax: requestsMax
        )
    }
}
