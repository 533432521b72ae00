// What libcurl's callbacks make of an answer, and the limits that they hold it to.

#if os(Linux) && (arch(x86_64) || arch(arm64))

/// An answer as far as it has come. Used by one thread: libcurl calls back on the thread that drives it.
final class CurlAnswer {
    /// The largest head that is read, trailers and interim answers included, in bytes.
    static let headLimit = 256 * 1024

    /// Up to this size, in bytes, a body grows as arrays do.
    private static let smallBody = 256 * 1024

    private(set) var response = HTTPResponse(status: 0)
    /// Why the rest is not wanted.
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
            // An interim answer (100, 103) may have come before: only the last head counts.
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
        // Growing by doubling would leave the allocator three times as much at last. Memory that is set aside costs nothing
        // before it is used.
        if response.body.count + piece.count > Self.smallBody, response.body.capacity < bodyLimit {
            response.body.reserveCapacity(bodyLimit)
        }
        response.body.append(contentsOf: piece)
        return true
    }

    private func fail(_ failure: HTTPFailure) -> Bool {
        self.failure = failure
        response = HTTPResponse(status: 0)
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
        // Anything but the number of bytes ends the transfer; for an empty piece that is anything but 0.
        return isWanted ? count : count == 0 ? 1 : 0
    }
}
#endif
