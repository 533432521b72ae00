// The wire format of a stream: one `data:` line per event, an empty line after it.

import NIOCore

enum ServerSentEvents {
    static let contentType = "text/event-stream; charset=utf-8"

    /// The event that ends a stream of this API.
    static let done = ByteBuffer(string: "data: [DONE]\n\n")

    /// An event whose data is the value's JSON, which has no line breaks.
    static func event(_ value: some Encodable) throws -> ByteBuffer {
        var buffer = ByteBuffer(string: "data: ")
        buffer.writeImmutableBuffer(try JSON.encode(value))
        buffer.writeString("\n\n")
        return buffer
    }
}
