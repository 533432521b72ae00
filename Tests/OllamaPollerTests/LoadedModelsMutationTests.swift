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
        var mutator = Mutator(seed: seed, tokens: Self.fragments)
        for number in 0..<500 {
            let bytes = mutator.mutate(Array(Self.samples[number % Self.samples.count].utf8))
            guard let loaded = LoadedModels(bytes) else { continue }
            let names = loaded.models.map(\.model)
            let readings = loaded.readings(ofTotal: 8e9)
            let areSound = readings.allSatisfy { (0...100).contains($0.kvCacheUsage ?? 0) && ($0.vram ?? 0) >= 0 }
            #expect(areSound && Set(names).count == names.count && loaded.count >= names.count, "\(bytes)")
        }
    }
}
