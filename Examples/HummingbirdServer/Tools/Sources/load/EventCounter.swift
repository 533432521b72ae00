// Finds the tokens in a stream of server-sent events, whose bytes arrive cut anywhere.

import Foundation

struct EventCounter {
    private struct Chunk: Decodable {
        struct Choice: Decodable {
            struct Delta: Decodable {
                var content: String?
            }

            var delta: Delta
        }

        var choices: [Choice]
    }

    private var rest: [UInt8] = []
    /// Whether the event came that ends a stream.
    private(set) var isDone = false

    /// How many events with text end in these bytes.
    mutating func tokens(in part: [UInt8]) -> Int {
        rest += part
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = lines.popLast().map(Array.init) ?? []
        return lines.count { isToken($0) }
    }

    private mutating func isToken(_ line: ArraySlice<UInt8>) -> Bool {
        let prefix = Array("data: ".utf8)
        guard line.starts(with: prefix) else { return false }
        let data = Data(line.dropFirst(prefix.count))
        if data == Data("[DONE]".utf8) { isDone = true }
        let chunk = try? JSONDecoder().decode(Chunk.self, from: data)
        return chunk?.choices.first?.delta.content?.isEmpty == false
    }
}
