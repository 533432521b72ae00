// A hundred thousand damaged pages: whatever a server sends, no crash, no NaN and no negative count.

import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

// One case after another on a thread of their own, so that other tests do not wait for processors.
@Suite("Random damage, the same in every run", .blocking, .serialized)
struct MutationTests {
    /// With twelve pages and four answers a hundred thousand in all.
    private static let mutationsPerPage = 7_500
    private static let mutationsPerAnswer = 2_500
    private static let pages = [
        "vllm-0.32.0-busy.txt", "vllm-0.32.0-two-replicas-fresh.txt", "made-vllm-two-replicas-busy.txt",
        "made-vllm-both-kv-names.txt", "vllm-0.8.5-busy.txt", "made-sglang-busy.txt", "made-tgi-busy.txt",
        "llamacpp-b11549-busy.txt", "made-tensorrt-llm-busy.txt", "made-triton-busy.txt", "made-lmdeploy-busy.txt",
        "made-nim-busy.txt",
    ]
    private static let answers: [(detail: EngineDetail, fixture: String)] = [
        (.llamaSlots, "llamacpp-b11549-slots-idle.json"), (.llamaSlots, "llamacpp-b11549-slots-busy.json"),
        (.llamaModels, "llamacpp-b11549-models.json"), (.tgiInfo, "made-tgi-info.json"),
    ]

    @Test("damaged pages", arguments: pages)
    func damagedPage(fixture: String) throws {
        let excerpt = Self.excerpt(try Fixture.bytes(fixture))
        var mutator = Mutator(seed: Self.seed(fixture), tokens: Self.tokens)
        for _ in 0..<Self.mutationsPerPage {
            let damaged = mutator.mutate(excerpt)
            let models = EnginePage(damaged)?.models ?? []
            guard models.allSatisfy(Self.isSane) else {
                Issue.record("\(models) from \(String(decoding: damaged, as: UTF8.self).debugDescription)")
                return
            }
        }
    }

    @Test("damaged answers of the extra requests", arguments: answers)
    func damagedAnswer(detail: EngineDetail, fixture: String) throws {
        let answer = Array(try Fixture.bytes(fixture).prefix(200))
        var mutator = Mutator(seed: Self.seed(fixture), tokens: Self.tokens)
        for _ in 0..<Self.mutationsPerAnswer {
            let damaged = mutator.mutate(answer)
            var model = ModelReading(model: nil)
            var cache = LlamaCache()
            if let detail = detail.decode(damaged, &cache) { model.complete(with: detail) }
            guard Self.isSane(model) else {
                Issue.record("\(model) from \(String(decoding: damaged, as: UTF8.self).debugDescription)")
                return
            }
        }
    }

    private static let tokens = [
        "nan", "-nan(ind)", "+Inf", "-1", "1e999", "-1e308", "99999999999999999999", "0x7f", "{", "}", "\"", "\\",
        "\\\"",
        "\n", "\r\n", ",", "=", "#", " # {a=\"b\"} ", " ", "\u{0}", "\u{2028}", "é", "1700000000000", "vllm:", "null",
        "[",
    ]

    /// The lines with the engines' figures and a few beside them: damage elsewhere in a page of 50 kB would hit nothing.
    private static func excerpt(_ page: [UInt8]) -> [UInt8] {
        let wanted = Set(Engine.known.flatMap(\.metrics))
        let lines = page.split(separator: .lineFeed)
        let isWanted = lines.map { line in
            let name = line.map { $0 == .colon ? .underscore : $0 }
            return wanted.contains { name.starts(with: $0.utf8) }
        }
        let kept = lines.indices.filter { isWanted[$0] || $0 < 2 }
        return Array(kept.map { lines[$0] + [.lineFeed] }.joined().prefix(320))
    }

    private static func isSane(_ model: ModelReading) -> Bool {
        let counts = [model.requestsRunning, model.requestsWaiting, model.requestsMax]
        return counts.allSatisfy { ($0 ?? 0) >= 0 } && (0...100).contains(model.kvCacheUsage ?? 0)
    }

    private static func seed(_ text: String) -> UInt64 {
        text.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
    }
}
