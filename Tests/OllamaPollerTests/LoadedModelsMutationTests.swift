import TestSupport
import Testing

@testable import OllamaPoller

@Suite("Broken answers of /api/ps")
struct LoadedModelsMutationTests {
    private static let samples = [
        answer(entry("llama3:8b", vram: 5_137_025_024), entry("mistral:latest", vram: 0)),
        answer(#"{"name":"a","size_vram":9223372036854775807}"#, #"{"model":"\u00fc\n","size_vram":1e9}"#, "null"),
        #"{"models":[],"x":{"models":[{"name":"b"}]}}"#,
    ]
    private static let fragments = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\u{0}", "\u{7f}", "null", "true", "-", "1e999",
        "NaN",
        "\"models\":", "\"name\":\"a\"", "\"size_vram\":-1", "99999999999999999999", String(repeating: "[", count: 600),
    ]

    @Test("any bytes at all: never a trap, and never a value out of range", arguments: 0..<8 as Range<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var bytes = Array((Self.samples.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
            guard let loaded = LoadedModels(bytes) else { continue }
            let names = loaded.models.map(\.name)
            let readings = loaded.readings(ofTotal: 8e9)
            let areSound = readings.allSatisfy { (0...100).contains($0.kvCacheUsage ?? 0) && ($0.vram ?? 0) >= 0 }
            #expect(areSound && Set(names).count == names.count && loaded.count >= names.count, "\(bytes)")
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let position = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, position + Int.random(in: 0...20, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes.removeSubrange(position..<end)
        case 1: bytes.insert(contentsOf: (Self.fragments.randomElement(using: &random) ?? "").utf8, at: position)
        case 2: bytes.insert(contentsOf: bytes[position..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 3: bytes.removeSubrange(end...)
        default: if position < bytes.count { bytes[position] = .random(in: 0...255, using: &random) }
        }
    }
}
