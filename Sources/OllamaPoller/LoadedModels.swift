// Ollama's answer to GET /api/ps: the models in memory.

import Foundation
import GenAISupport

/// The models that an answer of `/api/ps` lists.
///
/// The answer is not trusted: a field of the wrong type costs only that field, an unreadable entry only that entry.
struct LoadedModels: Equatable {
    /// Further entries are not read: no machine has so many models in memory.
    static let limit = 10_000

    /// Name, sizes and context of each model. GPU memory is 0 if the field is missing: nothing is on the GPU. An unusable size is
    /// nil. Each name is there once: a model that is listed twice is in memory twice, so its bytes are added.
    private(set) var models: [ModelReading] = []
    /// The digests by model, as far as they are listed.
    private(set) var digests: [String: String] = [:]
    /// Number of entries that could be read.
    private(set) var count = 0

    /// Nil if the bytes are not an answer of `/api/ps`.
    init?(_ body: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else { return nil }
        var positions: [String?: Int] = [:]
        for entry in answer.entries {
            guard let model = entry.model else { continue }
            count += 1
            if let name = model.model, let digest = entry.digest { digests[name] = digest }
            if let position = positions[model.model] {
                models[position].figures = models[position].figures.merged(with: model.figures)
            } else {
                positions[model.model] = models.count
                models.append(model)
            }
        }
    }

    /// The models with each one's share of `total` bytes of GPU memory, in percent.
    func readings(ofTotal total: Double) -> [ModelReading] {
        models.map { model in
            var model = model
            model.kvCacheUsage = model.vram.flatMap { (Double($0) / total * 100).asPercentage }
            return model
        }
    }
}

// MARK: - JSON

private struct Answer: Decodable {
    var entries: [Entry] = []

    private enum Key: CodingKey { case models }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        // Go writes an empty list as null in places.
        if try fields.decodeNil(forKey: .models) { return }
        var list = try fields.nestedUnkeyedContainer(forKey: .models)
        while !list.isAtEnd, list.currentIndex < LoadedModels.limit {
            let entry = try list.decode(Entry?.self)
            if let entry { entries.append(entry) }
        }
    }
}

/// One entry of the list. Decoding never fails, whatever the entry is, so that the rest of the list is read.
private struct Entry: Decodable {
    var model: ModelReading?
    var digest: String?

    private enum Key: String, CodingKey {
        case name, model, digest, size
        case vram = "size_vram"
        case contextLength = "context_length"
    }

    init(from decoder: any Decoder) {
        guard let fields = try? decoder.container(keyedBy: Key.self) else { return }
        func text(_ key: Key) -> String? {
            (try? fields.decode(String.self, forKey: key)).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let name = text(.name) ?? text(.model) else { return }
        var model = ModelReading(model: name, vram: Self.count(fields, .vram, orMissing: 0))
        model.size = Self.count(fields, .size)
        model.contextLength = Self.count(fields, .contextLength)
        self.model = model
        digest = text(.digest)
    }

    private static func count(
        _ fields: KeyedDecodingContainer<Key>,
        _ key: Key,
        orMissing missing: Int? = nil
    ) -> Int? {
        guard let count = try? fields.decodeIfPresent(Int.self, forKey: key) else {
            // A field of another type is not a missing field.
            return (try? fields.decodeNil(forKey: key)) == true || !fields.contains(key) ? missing : nil
        }
        return count >= 0 ? count : nil
    }
}
