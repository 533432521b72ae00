// The parsers that read what comes from outside, by the first byte of an input.

// Only debug builds let a module's internals be seen.
#if DEBUG
import Foundation
import GenAISupport

@testable import EnginePoller
@testable import GenAIOtel
@testable import OllamaPoller

/// Reads an input with one of the parsers. A trap, a value out of range or endless work is what the fuzzer looks for.
enum FuzzedParser: UInt8, CaseIterable {
    case enginePage, slots, models, tgiInfo, loadedModels
    case answer, refusal, retryAfter
    case headerList, endpoint, environment
    case protobufAnswer, protobufRefusal

    static func read(_ input: [UInt8]) {
        guard let first = input.first else { return }
        allCases[Int(first) % allCases.count].read(Array(input.dropFirst()))
    }

    private func read(_ input: [UInt8]) {
        switch self {
        case .enginePage: check(EnginePage(input)?.models ?? [])
        case .slots: complete(with: .llamaSlots, input)
        case .models: complete(with: .llamaModels, input)
        case .tgiInfo: complete(with: .tgiInfo, input)
        case .loadedModels: check(LoadedModels(input)?.readings(ofTotal: 8e9) ?? [])
        case .answer: interpret(input, status: 200)
        case .refusal: interpret(input, status: 400)
        case .protobufAnswer: interpret(input, status: 200, type: "application/x-protobuf")
        case .protobufRefusal: interpret(input, status: 400, type: "application/x-protobuf")
        case .retryAfter: precondition(RetryAfter.delay(text(input), now: .now) ?? .zero >= .zero)
        case .headerList: configure("OTEL_EXPORTER_OTLP_HEADERS", input)
        case .endpoint: configure("OTEL_EXPORTER_OTLP_ENDPOINT", input)
        case .environment:
            // A name, a zero, and its value.
            let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            configure(text(Array(parts[0])), Array(parts.dropFirst().first ?? []))
        }
    }

    private func text(_ input: [UInt8]) -> String { String(decoding: input, as: UTF8.self) }

    private func complete(with detail: EngineDetail, _ input: [UInt8]) {
        var model = ModelReading(model: nil)
        var cache = LlamaCache()
        if let answer = detail.decode(input, &cache) { model.complete(with: answer) }
        check([model])
    }

    private func check(_ models: [ModelReading]) {
        for model in models {
            let counts = [model.requestsRunning, model.requestsWaiting, model.requestsMax, model.vram]
            precondition(counts.allSatisfy { $0 ?? 0 >= 0 } && (0...100).contains(model.kvCacheUsage ?? 0))
        }
    }

    private func interpret(_ input: [UInt8], status: Int, type: String = "application/json") {
        let response = HTTPResponse(status: status, headers: ["content-type": type], body: input)
        if case .delivered(let rejected, _) = OTLPAnswer(.success(response), now: .now) { precondition(rejected >= 0) }
    }

    private func configure(_ name: String, _ value: [UInt8]) {
        let configuration = GenAIConfiguration(environment: [name: text(value)]).validated()
        precondition(configuration.exportInterval > .zero && configuration.otlp.timeout > .zero)
        precondition(configuration.otlp.headers.allSatisfy { HTTPHeader.isValid(name: $0.key, value: $0.value) })
    }
}
#endif
