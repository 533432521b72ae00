// Where a server tells its version.

import Foundation

/// A path that answers with a JSON object, and the field in it that is the version.
struct EngineVersion: Sendable {
    /// Paths beside `/metrics`. The first that answers counts.
    var paths: [String]
    var field: String

    init(_ paths: [String], _ field: String) {
        self.paths = paths
        self.field = field
    }

    /// The version, cut to 64 characters; nil if the answer has none.
    func decode(_ body: [UInt8]) -> String? {
        guard let object = try? JSONDecoder().decode([String: Text].self, from: Data(body)),
            let text = object[field]?.value, !text.isEmpty
        else { return nil }
        return escapingControlCharacters(String(text.prefix(64)))
    }

    /// A field of any type, of which only text is wanted.
    private struct Text: Decodable {
        var value: String?

        init(from decoder: any Decoder) throws {
            value = try? decoder.singleValueContainer().decode(String.self)
        }
    }
}
