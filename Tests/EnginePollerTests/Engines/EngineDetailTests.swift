import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Figures from paths beside the metrics", .blocking)
struct EngineDetailTests {
    private func decode(_ detail: EngineDetail, _ text: String) -> ModelReading? {
        var cache = LlamaCache()
        return detail.decode(Array(text.utf8), &cache)
    }

    @Test("llama.cpp's slots: their number, and the tokens in use by those that are busy")
    func slots() throws {
        let busy = try #require(decode(.llamaSlots, try Fixture.text("llamacpp-b11549-slots-busy.json")))
        #expect(
            busy.gauges
                == ModelReading(
                    model: nil,
                    kvCacheUsage: Double(817 + 818) / Double(1024 + 1024) * 100,
                    requestsRunning: 2,
                    requestsMax: 2
                )
        )
        let idle = try #require(decode(.llamaSlots, try Fixture.text("llamacpp-b11549-slots-idle.json")))
        #expect(idle.gauges == ModelReading(model: nil, kvCacheUsage: 0, requestsRunning: 0, requestsMax: 2))
        #expect(busy.kvCacheTokens == 817 + 818)
        #expect(busy.kvCacheSize == 2048)
    }

    @Test("an idle slot's last prompt is not in use")
    func idleSlot() {
        let text =
            #"[{"n_ctx":10,"is_processing":false,"n_prompt_tokens":9},{"n_ctx":10,"is_processing":true,"n_prompt_tokens":5}]"#
        #expect(
            decode(.llamaSlots, text)?.gauges
                == ModelReading(model: nil, kvCacheUsage: 25, requestsRunning: 1, requestsMax: 2)
        )
    }

    @Test(
        "slots that do not tell their tokens or their size leave the usage unknown",
        arguments: [
            #"[{"n_ctx":10,"is_processing":true}]"#, #"[{"is_processing":false}]"#,
            #"[{"n_ctx":0,"is_processing":false}]"#,
            #"[{"n_ctx":"ten","is_processing":false}]"#, #"[{"n_ctx":10,"is_processing":1}]"#, "[7]", "[null]",
            #"[{"n_ctx":1e308,"is_processing":true,"n_prompt_tokens":1e999}]"#,
        ]
    )
    func unknownUsage(text: String) {
        let reading = decode(.llamaSlots, text)
        #expect(reading?.kvCacheUsage == nil && reading?.kvCacheTokens == nil)
        #expect(reading?.requestsMax == 1)
    }

    @Test("slots out of range are clamped")
    func clamped() {
        #expect(decode(.llamaSlots, #"[{"n_ctx":10,"n_prompt_tokens":50}]"#)?.kvCacheUsage == 100)
        #expect(decode(.llamaSlots, #"[{"n_ctx":10,"n_prompt_tokens":-50}]"#)?.kvCacheUsage == 0)
        #expect(decode(.llamaSlots, "[]") == ModelReading(model: nil))
    }

    @Test("llama.cpp's model is the first of the list")
    func models() throws {
        #expect(
            decode(.llamaModels, try Fixture.text("llamacpp-b11549-models.json"))
                == ModelReading(model: "tiny.gguf")
        )
        #expect(decode(.llamaModels, #"{"data":[]}"#) == ModelReading(model: nil))
        #expect(decode(.llamaModels, #"{"data":[{"id":7}]}"#) == ModelReading(model: nil))
    }

    @Test("TGI's model and limit")
    func info() throws {
        let figures = decode(.tgiInfo, try Fixture.text("made-tgi-info.json"))
        #expect(figures == ModelReading(model: "acme/text", requestsMax: 128))
        #expect(
            decode(.tgiInfo, #"{"model_id":5,"max_concurrent_requests":-1}"#)
                == ModelReading(model: nil, requestsMax: 0)
        )
        #expect(decode(.tgiInfo, #"{"max_concurrent_requests":1e300}"#) == ModelReading(model: nil, requestsMax: .max))
    }

    @Test("an answer of another form is none", arguments: EngineDetail.allCases)
    func garbage(detail: EngineDetail) {
        for text in ["", "null", "7", "\"text\"", "{", "<html>", "[[", #"{"data":7}"#]
        where text != #"{"data":7}"# || ![.tgiInfo, .llamaProps].contains(detail) {
            #expect(decode(detail, text) == nil, "\(text)")
        }
        #expect(decode(detail, String(repeating: "[", count: 100_000)) == nil)
    }

    @Test("what the metrics page told is not replaced")
    func complete() {
        var reading = ModelReading(model: nil, kvCacheUsage: 5, requestsRunning: 1)
        reading.complete(with: ModelReading(model: "m", kvCacheUsage: 50, requestsMax: 2))
        #expect(reading == ModelReading(model: "m", kvCacheUsage: 5, requestsRunning: 1, requestsMax: 2))
    }
}
