// What Ollama says to GET /api/ps: which models are in memory.

import Foundation
import GenAISupport

/// The models that an answer of `/api/ps` lists.
///
/// The answer is not trusted: a field of the wrong type costs that field, an entry that can't be read costs that entry.
struct LoadedModels: Equatable {
    struct Model: Equatable {
        var name: String
        /// Bytes of GPU memory; 0 if Ollama says nothing about it (nothing is on the GPU), nil if what it says is no size.
        var vram: Int?
    }

    /// Beyond this many entries an answer is not read on: no machine has so many models in memory.
    static let limit = 10_000

    /// Each name once. Should an answer list a model twice, its memory is added up: it is in memory twice.
    private(set) var models: [Model] = []
    /// Number of entries that could be read.
    private(set) var count = 0

    /// Nil if the bytes are not an answer of `/api/ps`.
    init?(_ body: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else { return nil }
        var positions: [String: Int] = [:]
        for model in answer.models {
            count += 1
            if let position = positions[model.name] {
                models[position].add(model)
            } else {
                positions[model.name] = models.count
                models.append(model)
            }
        }
    }

    /// Each model's share of `total` bytes of GPU memory, in percent, and its bytes.
    func readings(ofTotal total: Double) -> [ModelReading] {
        models.map { model in
            ModelReading(
                model: model.name,
                kvCacheUsage: model.vram.map { min(Double($0) / total * 100, 100) },
                vram: model.vram
            )
        }
    }
}

extension LoadedModels.Model {
    fileprivate mutating func add(_ other: Self) {
        guard let left = vram, let right = other.vram else {
            vram = vram ?? other.vram
            return
        }
        let (sum, overflow) = left.addingReportingOverflow(right)
        vram = overflow ? .max : sum
    }
}

// MARK: - JSON

private struct Answer: Decodable {
    var models: [LoadedModels.Model] = []

    private enum Key: CodingKey { case models }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        // Go writes an empty list as null in places.
        if try fields.decodeNil(forKey: .models) { return }
        var list = try fields.nestedUnkeyedContainer(forKey: .models)
        while !list.isAtEnd, list.currentIndex < LoadedModels.limit {
            let entry = try list.decode(Entry?.self)
            if let model = entry?.model { models.append(model) }
        }
    }
}

/// One entry of the list, which may be anything; decoding it never fails, so that the list can be read on.
private struct Entry: Decodable {
    var model: LoadedModels.Model?

    private enum Key: String, CodingKey {
        case name, model
        case vram = "size_vram"
    }

    init(from decoder: any Decoder) {
        guard let fields = try? decoder.container(keyedBy: Key.self) else { return }
        func text(_ key: Key) -> String? {
            (try? fields.decode(String.self, forKey: key)).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let name = text(.name) ?? text(.model) else { return }
        model = LoadedModels.Model(name: name, vram: Self.vram(fields))
    }

    private static func vram(_ fields: KeyedDecodingContainer<Key>) -> Int? {
        do {
            let size = try fields.decodeIfPresent(Int.self, forKey: .vram) ?? 0
            return size >= 0 ? size : nil
        } catch {
            return nil
        }
    }
}
