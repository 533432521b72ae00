// Reads a stream of server-sent events as it comes.

import ExampleClient
import Foundation

/// The data of one event after the other.
struct EventReader {
    private var text = ""

    /// The next event's data; nil at the end of the stream.
    mutating func next(in answer: inout Answer) async throws -> String? {
        while true {
            if let end = text.firstRange(of: "\n\n") {
                let event = String(text[..<end.lowerBound])
                text.removeSubrange(..<end.upperBound)
                guard event.hasPrefix("data: ") else { throw NotAnEvent(text: event) }
                return String(event.dropFirst("data: ".count))
            }
            guard let part = try await answer.next() else {
                if text.isEmpty { return nil }
                throw NotAnEvent(text: text)
            }
            text += String(decoding: part, as: UTF8.self)
        }
    }

    struct NotAnEvent: Error {
        var text: String
    }
}
