// Collects an answer from libcurl's callbacks, within limits.

#if os(Linux) && (arch(x86_64) || arch(arm64))

/// An answer while it is being received. Used by one thread: libcurl calls back on the thread that drives it.
final class CurlAnswer {
    /// The largest head in bytes, including trailers and interim answers.
    static let headLimit = 256 * 1024

    /// Up to this size in bytes, the body grows like any array.
    private static let smallBody = 256 * 1024

    private(set) var response = HTTPResponse(status: 0)
    /// Why the transfer was ended early.
    private(set) var failure: HTTPFailure?
    private let bodyLimit: Int
    private var headSize = 0

    init(bodyLimit: Int) {
        self.bodyLimit = bodyLimit
    }

    /// Takes one line of the head.
    ///
    /// - Returns: false to end the transfer at once.
    func receive(headLine line: UnsafeBufferPointer<UInt8>) -> Bool {
        headSize += line.count
        guard headSize <= Self.headLimit else { return fail(.connectionLost) }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // Only the last head counts: interim answers (100, 103) come before it.
            let status = text.split(separator: " ").dropFirst().first
            response = HTTPResponse(status: status.flatMap { Int(digits: $0) } ?? 0)
            return true
        }
        guard let colon = text.firstIndex(of: ":") else { return true }
        let name = text[..<colon].lowercased()
        let value = text[text.index(after: colon)...].trimmed()
        response.headers[name] = value
        return accepts(name, value)
    }

    private func accepts(_ name: String, _ value: String) -> Bool {
        switch name {
        case "content-encoding": response.contentCoding.map { fail(.answerEncoded($0)) } ?? true
        case "content-length" where Int(digits: value) ?? 0 > bodyLimit: fail(.answerTooLarge(limit: bodyLimit))
        default: true
        }
    }

    /// Takes a piece of the body.
    ///
    /// - Returns: false to end the transfer at once.
    func receive(body piece: UnsafeBufferPointer<UInt8>) -> Bool {
        guard response.body.count + piece.count <= bodyLimit else { return fail(.answerTooLarge(limit: bodyLimit)) }
        // Growth by doubling would use up to three times the memory. Reserved memory costs nothing until it is used.
        if response.body.count + piece.count > Self.smallBody, response.body.capacity < bodyLimit {
            response.body.reserveCapacity(bodyLimit)
        }
        response.body.append(contentsOf: piece)
        return true
    }

    private func fail(_ failure: HTTPFailure) -> Bool {
        self.failure = failure
        response.body = []
        return false
    }
}

extension CurlAnswer {
    /// `CURLOPT_HEADERFUNCTION`; the user data is an unretained `CurlAnswer`.
    static let headerFunction: CurlLibrary.DataCallback = { bytes, size, count, answer in
        receive(bytes, size * count, answer) { $0.receive(headLine: $1) }
    }

    /// `CURLOPT_WRITEFUNCTION`, likewise.
    static let writeFunction: CurlLibrary.DataCallback = { bytes, size, count, answer in
        receive(bytes, size * count, answer) { $0.receive(body: $1) }
    }

    private static func receive(
        _ bytes: UnsafeMutablePointer<UInt8>?,
        _ count: Int,
        _ answer: UnsafeMutableRawPointer?,
        _ take: (CurlAnswer, UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Int {
        guard let answer else { return 0 }
        let isWanted = take(
            Unmanaged<CurlAnswer>.fromOpaque(answer).takeUnretainedValue(),
            UnsafeBufferPointer(start: bytes, count: count)
        )
        // Any other number than the count ends the transfer; for an empty piece, any number but 0.
        return isWanted ? count : count == 0 ? 1 : 0
    }
}
#endif
