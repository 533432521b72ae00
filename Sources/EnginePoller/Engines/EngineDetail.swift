// Figures that some engines have only on other paths than their metrics page.

import Foundation
import GenAISupport

/// One further request to a server, for figures that its metrics page lacks.
enum EngineDetail: Sendable, Hashable, CaseIterable {
    /// llama.cpp: the number of its slots. Does not wake a sleeping server.
    case llamaProps
    /// llama.cpp: its slots. Each executes one request at a time. The request wakes a sleeping server, so only a busy one is
    /// asked.
    case llamaSlots
    /// llama.cpp: the name of the model.
    case llamaModels
    /// TGI: the name of the model and the limit of concurrent requests.
    case tgiInfo

    /// The path, beside `/metrics`.
    var path: String {
        switch self {
        case .llamaProps: "/props"
        case .llamaSlots: "/slots"
        case .llamaModels: "/v1/models"
        case .tgiInfo: "/info"
        }
    }

    /// Whether the answer changes from poll to poll. Others are requested once a minute.
    var isVolatile: Bool { self == .llamaSlots }

    /// The figures that are missing without it, for the log after "reporting no". Nil if another request has them too.
    var purpose: String? {
        switch self {
        case .llamaProps: nil
        case .llamaSlots: "KV-cache usage (run llama.cpp without --no-slots)"
        case .llamaModels: "model name"
        case .tgiInfo: "model name and request limit"
        }
    }

    /// Decodes an answer; nil if it has another form.
    ///
    /// - Parameter cache: the state of the server's KV cache. It is updated from the answer.
    func decode(_ body: [UInt8], _ cache: inout LlamaCache) -> ModelReading? {
        let data = Data(body)
        let decoder = JSONDecoder()
        // Slots have explicit coding keys: converting the names of all their fields would double the time.
        if self != .llamaSlots { decoder.keyDecodingStrategy = .convertFromSnakeCase }
        switch self {
        case .llamaProps:
            return (try? decoder.decode(LlamaProps.self, from: data)).map { cache.learn($0) }
        case .llamaSlots:
            return (try? decoder.decode([Lenient<LlamaSlot>].self, from: data))
                .map { cache.reading(of: $0.map { $0.value ?? LlamaSlot() }) }
        case .llamaModels:
            return (try? decoder.decode(LlamaModels.self, from: data))
                .map { ModelReading(model: $0.data.first?.id?.value) }
        case .tgiInfo:
            return (try? decoder.decode(TGIInfo.self, from: data)).map { info in
                ModelReading(
                    model: info.modelId?.value,
                    requestsMax: (info.maxConcurrentRequests?.value).map { Int(countNearest: $0) }
                )
            }
        }
    }
}

extension ModelReading {
    /// Fills in the figures that the metrics page lacks. If both have a figure, the page's is kept.
    package mutating func complete(with detail: ModelReading) {
        model = model ?? detail.model
        if replicas.isEmpty { replicas = detail.replicas }
        figures = figures.completed(with: detail.figures)
    }
}

/// A field that becomes nil if it has an unexpected type.
struct Lenient<Value: Decodable & Sendable>: Decodable, Sendable {
    var value: Value?

    init(from decoder: any Decoder) throws {
        value = try? decoder.singleValueContainer().decode(Value.self)
    }
}

private struct LlamaModels: Decodable {
    struct Model: Decodable { var id: Lenient<String>? }
    var data: [Model]
}

private struct TGIInfo: Decodable {
    var modelId: Lenient<String>?
    var maxConcurrentRequests: Lenient<Double>?
}
