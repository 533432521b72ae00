// What a server answers, as it comes.

import NIOCore
import NIOHTTP1

/// An answer's head, and its body in pieces.
public struct Answer {
    /// The status code.
    public let status: Int
    private let fields: HTTPHeaders
    private var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private var isAtEnd = false

    /// Waits for the head.
    init(_ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator) async throws {
        self.parts = parts
        while case .head(let head) = try await self.parts.next() {
            // What is below is on the way to the answer, such as 100 Continue.
            guard head.status.code >= 200 else { continue }
            status = Int(head.status.code)
            fields = head.headers
            return
        }
        throw HTTPClient.Failure.incomplete
    }

    /// The headers by their names in lower case; of several with one name, the first.
    public var headers: [String: String] {
        Dictionary(fields.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
    }

    /// The body's next bytes; nil at its end.
    ///
    /// - Throws: also if the connection ends before the body does.
    public mutating func next() async throws -> [UInt8]? {
        while !isAtEnd {
            switch try await parts.next() {
            case .body(let bytes): return Array(bytes.readableBytesView)
            case .end: isAtEnd = true
            case .head: continue
            case nil: throw HTTPClient.Failure.incomplete
            }
        }
        return nil
    }

    /// The rest of the body.
    ///
    /// - Throws: ``HTTPClient/Failure/tooLarge`` if that is more than the limit, in bytes.
    public mutating func body(upTo limit: Int = 4 << 20) async throws -> [UInt8] {
        var body: [UInt8] = []
        while let part = try await next() {
            guard body.count + part.count <= limit else { throw HTTPClient.Failure.tooLarge }
            body += part
        }
        return body
    }
}
