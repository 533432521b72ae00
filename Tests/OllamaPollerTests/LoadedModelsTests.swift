import Foundation
import Testing

@testable import OllamaPoller

@Suite("What Ollama says to /api/ps")
struct LoadedModelsTests {
    private func loaded(_ json: String) -> LoadedModels? {
        LoadedModels(Array(json.utf8))
    }

    private func names(_ json: String) -> [String?]? {
        loaded(json)?.models.map(\.model)
    }

    /// What is made of a value of `size_vram`: the one of a model `a` beside an unharmed model `b`.
    private func vram(_ value: String) throws -> Int? {
        let models = try #require(loaded(answer(#"{"name":"a","size_vram":\#(value)}"#, entry("b", vram: 7)))?.models)
        try #require(models.map(\.model) == ["a", "b"])
        #expect(models[1].vram == 7)
        return models[0].vram
    }

    @Test("an answer as Ollama writes it")
    func real() throws {
        let models = try #require(loaded(answer(entry("llama3:8b", vram: 5_137_025_024), entry("x", vram: 0))))
        #expect(models.models.map(\.model) == ["llama3:8b", "x"])
        #expect(models.models.map(\.vram) == [5_137_025_024, 0])
        #expect(models.count == 2)
        #expect(names(#"{"models":[]}"#) == [])
        #expect(names(#"{"models":null}"#) == [])
    }

    @Test(
        "what is no answer of /api/ps is none",
        arguments: [
            "", "{", "null", "[]", "5", "{}", #"{"error":"model not found"}"#, #"{"models":{}}"#, #"{"models":5}"#,
            #"{"models":[}"#, #"{"models":[{"name":"a"}"#, "<html>", "\u{0}",
        ]
    )
    func unreadable(json: String) {
        #expect(loaded(json) == nil)
    }

    @Test(
        "an entry that can't be read costs that entry",
        arguments: [
            "null", "5", "true", #""a""#, "[]", "[[[]]]", "{}", #"{"name":5}"#, #"{"name":null}"#, #"{"name":""}"#,
            #"{"name":["a"],"model":{}}"#, #"{"size_vram":5}"#,
        ]
    )
    func entryLost(bad: String) {
        #expect(names(answer(bad, entry("a", vram: 1), bad, bad, entry("b", vram: 1), bad)) == ["a", "b"])
        #expect(loaded(answer(bad, entry("a", vram: 1)))?.count == 1)
    }

    @Test(
        "a size of the wrong type costs that field",
        arguments: [
            "true", "false", #""5""#, "[5]", #"{"a":5}"#, "-1", "-9223372036854775809", "9223372036854775808",
            "18446744073709551616", "1e400", "1.5", String(repeating: "9", count: 400),
            "-" + String(repeating: "9", count: 400),
        ]
    )
    func sizeLost(value: String) throws {
        #expect(try vram(value) == nil)
    }

    @Test("a size that is missing is 0: nothing of the model is on the GPU")
    func sizeMissing() throws {
        #expect(loaded(answer(#"{"name":"a"}"#))?.models.first?.vram == 0)
        #expect(try vram("null") == 0)
    }

    @Test("whole numbers count in every notation and up to the largest")
    func sizes() throws {
        #expect(try vram("9223372036854775807") == .max)
        #expect(try vram("1e9") == 1_000_000_000)
        #expect(try vram("-0") == 0)
    }

    @Test("other fields may be anything")
    func otherFields() {
        let bad = #"{"name":"a","size":"x","details":[[]],"expires_at":5,"context_length":1e999,"size_vram":3}"#
        #expect(loaded(answer(bad))?.models.first?.vram == 3)
    }

    @Test("without a name the field model counts; names stay as they are")
    func naming() {
        #expect(names(answer(#"{"model":"m"}"#, #"{"name":7,"model":"n"}"#)) == ["m", "n"])
        #expect(names(answer(#"{"name":"a\u001b[2J\n\u0000ü🦙"}"#)) == ["a\u{1b}[2J\n\u{0}ü🦙"])
        let long = String(repeating: "x", count: 100_000)
        #expect(names(answer(entry(long, vram: 1))) == [long])
    }

    @Test("a model that is listed twice is one whose memory is added up")
    func duplicates() {
        let twice = loaded(answer(entry("a", vram: 1), entry("b", vram: 5), entry("a", vram: 2)))
        #expect(twice?.models.map(\.model) == ["a", "b"])
        #expect(twice?.models.map(\.vram) == [3, 5])
        #expect(twice?.count == 3)
        #expect(loaded(answer(entry("a", vram: .max), entry("a", vram: 1)))?.models.first?.vram == .max)
        #expect(loaded(answer(#"{"name":"a","size_vram":-1}"#, entry("a", vram: 2)))?.models.first?.vram == 2)
    }

    @Test("deep JSON is no answer, wherever it stands")
    func deep() {
        let nested = String(repeating: "[", count: 1_000_000) + String(repeating: "]", count: 1_000_000)
        #expect(loaded(nested) == nil)
        #expect(loaded(answer(#"{"name":"a","details":\#(nested)}"#)) == nil)
        #expect(loaded(String(repeating: #"{"models":["#, count: 300_000)) == nil)
    }

    @Test("the list is read up to ten thousand entries")
    func many() {
        let entries = (0..<10_500).map { #"{"name":"m\#($0)"}"# }.joined(separator: ",")
        #expect(loaded(#"{"models":[\#(entries)]}"#)?.count == 10_000)
        let nothing = Array(repeating: "{}", count: 200_000).joined(separator: ",")
        #expect(loaded(#"{"models":[\#(nothing)]}"#)?.count == 0)
    }

    @Test("a model's percentage is its share of the total, at most 100")
    func percent() throws {
        let json = answer(
            entry("half", vram: 12 * gibibyte),
            entry("none", vram: 0),
            entry("more", vram: 25 * gibibyte),
            #"{"name":"unknown","size_vram":true}"#
        )
        let readings = try #require(loaded(json)).readings(ofTotal: Double(24 * gibibyte))
        #expect(readings.map(\.kvCacheUsage) == [50, 0, 100, nil])
        #expect(readings.map(\.vram) == [12 * gibibyte, 0, 25 * gibibyte, nil])
        #expect(readings.allSatisfy { $0.requestsMax == nil && $0.requestsRunning == nil })
        #expect(try #require(loaded(json)).readings(ofTotal: .leastNonzeroMagnitude)[1].kvCacheUsage == 0)
    }
}
