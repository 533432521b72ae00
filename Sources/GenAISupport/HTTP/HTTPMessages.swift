// HTTP requests, answers and failures as plain values.

import Foundation

/// One HTTP request.
package struct HTTPRequest: Sendable {
    package var method: String
    package var endpoint: HTTPEndpoint
    package var headers: [HTTPHeader]
    package var body: Data?
    /// Whether a status of 2xx is all that matters. If so, an answer whose body is too large, encoded or broken off is a
    /// success without a body, with ``HTTPResponse/bodyFailure``. Otherwise it is a failure.
    package var isAnsweredByStatus = false

    package init(method: String = "GET", endpoint: HTTPEndpoint, headers: [HTTPHeader] = [], body: Data? = nil) {
        self.method = method
        self.endpoint = endpoint
        self.headers = headers
        self.body = body
    }

    /// The header fields as sent, each name once: the request's win over the client's, later ones over earlier ones.
    func fields(userAgent: String) -> [HTTPHeader] {
        var own = [HTTPHeader("User-Agent", userAgent), HTTPHeader("Accept-Encoding", "identity")]
        if let authorization = endpoint.authorization { own.append(HTTPHeader("Authorization", authorization)) }
        var result: [HTTPHeader] = []
        for field in headers.reversed() + own
        where !result.contains(where: { $0.name.lowercased() == field.name.lowercased() }) {
            result.append(field)
        }
        return result
    }
}

/// A header field. Its value may be a secret and is never logged.
package struct HTTPHeader: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Whether name and value can be sent: a token (RFC 9110, section 5.1), and no CR, LF or NUL.
    package static func isValid(name: String, value: String) -> Bool {
        let isToken = name.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
        }
        return !name.isEmpty && isToken && !value.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 }
    }
}

/// A complete answer with any status, redirects (3xx) included.
package struct HTTPResponse: Sendable {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    package var body: [UInt8]
    /// Why the body is missing; nil unless ``HTTPRequest/isAnsweredByStatus``.
    package var bodyFailure: HTTPFailure?

    package init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The compression of the body, by its `Content-Encoding`; nil if it can be read as it is.
    ///
    /// Unknown words count as none: servers write `none`, `utf-8`, `plain` and the like.
    var contentCoding: String? {
        (headers["content-encoding"] ?? "").split { $0 == "," || $0 == ";" }
            .map { $0.trimmed().lowercased() }
            .first(where: Self.codings.contains)
    }

    /// Whether URLSession returns the body. On Linux it fails at a word that it does not know.
    var isReadByURLSession: Bool {
        #if os(Linux)
        ["", "identity", "none"].contains(headers["content-encoding"]?.lowercased() ?? "")
        #else
        true
        #endif
    }

    private static let codings: Set = [
        "gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "bzip2", "x-bzip2", "lzma", "xz", "lz4",
        "snappy", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm",
    ]
}

extension Result where Success == HTTPResponse, Failure == HTTPFailure {
    /// The result of a request of which at least `head` has arrived.
    func considering(_ head: HTTPResponse?, of request: HTTPRequest) -> Self {
        guard case .failure(let failure) = self, request.isAnsweredByStatus,
            let head, (200...299).contains(head.status)
        else { return self }
        var response = HTTPResponse(status: head.status, headers: head.headers)
        response.bodyFailure = failure
        return .success(response)
    }
}

/// Why there is no complete answer.
package enum HTTPFailure: Error, Sendable, Equatable {
    /// The deadline passed.
    case timedOut
    /// The caller cancelled the request.
    case cancelled
    /// Nobody listens at the address, or the address can't be reached.
    case connectionRefused
    /// The connection ended before the answer was complete, or the answer was not HTTP.
    case connectionLost
    /// The host name could not be resolved.
    case hostNotFound
    /// The TLS handshake was broken off.
    case handshakeFailed
    /// A certificate, the server's or the client's, is not accepted or is for another host.
    case tlsFailed
    /// The answer is larger than `limit` bytes.
    case answerTooLarge(limit: Int)
    /// The answer is encoded in this way, a known one or ``unknownCoding``, although `identity` was asked for.
    case answerEncoded(String)
    /// Anything else, with the client's error code.
    case other(String)

    /// Replaces the server's word, which may be any text.
    static let unknownCoding = "in an unknown way"
}

extension HTTPFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .timedOut: "timed out"
        case .cancelled: "cancelled"
        case .connectionRefused: "connection refused"
        case .connectionLost: "connection lost before the answer was complete"
        case .hostNotFound: "host not found"
        case .handshakeFailed: "TLS handshake failed"
        case .tlsFailed: "certificate not accepted"
        case .answerTooLarge(let limit): "answer larger than \(limit) bytes"
        case .answerEncoded(let coding): "answer is encoded (\(coding)) although that was not asked for"
        case .other(let code): "request failed (\(code))"
        }
    }
}
