// Figures that some engines have only on other paths than their metrics page.

import Foundation

/// One further request to a server, for figures that its metrics page lacks.
enum EngineDetail: Sendable, Hashable, CaseIterable {
    /// llama.cpp: its slots, each of which executes one request at a time.
    case llamaSlots
    /// llama.cpp: the name of the model.
    case llamaModels
    /// TGI: the name of the model and the limit of concurrent requests.
    case tgiInfo

    /// The path, beside `/metrics`.
    var path: String {
        switch self {
        case .llamaSlots: "/slots"
        case .llamaModels: "/v1/models"
        case .tgiInfo: "/info"
        }
    }

    /// Whether the answer changes from poll to poll. Others are requested once a minute.
    var isVolatile: Bool { self == .llamaSlots }

    /// What is missing without it, in the log after "reporting no".
    var purpose: String {
        switch self {
        case .llamaSlots: "KV-cache usage and request limit (run llama.cpp without --no-slots)"
        case .llamaModels: "model name"
        case .tgiInfo: "model name and request limit"
        }
    }

    /// Decodes an answer; nil if it has another form.
    func decode(_ body: [UInt8]) -> ModelReading? {
        let data = Data(body)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        switch self {
        case .llamaSlots: return (try? decoder.decode([Lenient<LlamaSlot>].self, from: data)).map(ModelReading.init)
        case .llamaModels: return (try? decoder.decode(LlamaModels.self, from: data)).map(ModelReading.init)
        case .tgiInfo: return (try? decoder.decode(TGIInfo.self, from: data)).map(ModelReading.init)
        }
    }
}

extension ModelReading {
    /// Fills in what the metrics page lacks. Where both have a figure, the page's counts.
    mutating func complete(with detail: ModelReading) {
        model = model ?? detail.model
        figures = figures.completed(with: detail.figures)
    }
}

// MARK: - The answers

/// A field that becomes nil if it has an unexpected type.
private struct Lenient<Value: Decodable>: Decodable {
    var value: Value?

    init(from decoder: any Decoder) throws {
        value = try? decoder.singleValueContainer().decode(Value.self)
    }
}

private struct LlamaSlot: Decodable {
    var nCtx: Lenient<Double>?
    var isProcessing: Lenient<Bool>?
    var nPromptTokens: Lenient<Double>?

    var contextSize: Double? { nCtx?.value }

    /// Tokens of the prompt and the answer so far. An idle slot has none, even if it does not say so. For a busy slot
    /// without the field (llama.cpp in mid-2025) the number is unknown.
    var usedTokens: Double? { isProcessing?.value == false ? 0 : nPromptTokens?.value }
}

private struct LlamaModels: Decodable {
    struct Model: Decodable { var id: Lenient<String>? }
    var data: [Model]
}

private struct TGIInfo: Decodable {
    var modelId: Lenient<String>?
    var maxConcurrentRequests: Lenient<Double>?
}

extension ModelReading {
    fileprivate init(_ slots: [Lenient<LlamaSlot>]) {
        self.init(model: nil, requestsMax: slots.isEmpty ? nil : slots.count)
        let used = slots.compactMap { $0.value?.usedTokens }
        let sizes = slots.compactMap { $0.value?.contextSize }
        let size = sizes.reduce(0, +)
        guard used.count == slots.count, sizes.count == slots.count, size > 0 else { return }
        kvCacheUsage = (used.reduce(0, +) / size * 100).asPercentage
    }

    fileprivate init(_ models: LlamaModels) {
        self.init(model: models.data.first?.id?.value)
    }

    fileprivate init(_ info: TGIInfo) {
        self.init(
            model: info.modelId?.value,
            requestsMax: (info.maxConcurrentRequests?.value).map { Int(countNearest: $0) }
        )
    }
}
