// Reads a stream of server-sent events as it comes.

import AsyncHTTPClient
import Foundation

/// The data of one event after the other.
struct EventReader {
    private var parts: HTTPClientResponse.Body.AsyncIterator
    private var text = ""

    init(_ response: HTTPClientResponse) { parts = response.body.makeAsyncIterator() }

    /// The next event's data; nil at the end of the stream.
    mutating func next() async throws -> String? {
        while true {
            if let end = text.firstRange(of: "\n\n") {
                let event = String(text[..<end.lowerBound])
                text.removeSubrange(..<end.upperBound)
                guard event.hasPrefix("data: ") else { throw NotAnEvent(text: event) }
                return String(event.dropFirst("data: ".count))
            }
            guard let part = try await parts.next() else {
                if text.isEmpty { return nil }
                throw NotAnEvent(text: text)
            }
            text += String(buffer: part)
        }
    }

    struct NotAnEvent: Error {
        var text: String
    }
}
