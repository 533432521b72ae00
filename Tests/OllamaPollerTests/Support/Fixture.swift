// What was recorded from a running Ollama and its runners.

import Foundation
import Testing

enum Fixture {
    /// The text of a file in `Fixtures`.
    static func text(_ name: String) throws -> String {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil), "no \(name)")
        return String(decoding: try Data(contentsOf: url), as: UTF8.self)
    }
}
