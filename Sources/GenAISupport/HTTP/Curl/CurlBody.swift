// What libcurl's callback takes a request's body from.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// A body on its way out. Used by one thread: libcurl calls back on the thread that drives it.
///
/// Handed over by a callback that can't begin again, and not as memory, because libcurl would else send a request once more
/// by itself when a kept connection turns out to be dead: nobody would know of it, or pause before it.
final class CurlBody {
    private let bytes: Data
    private var sent = 0

    init(_ bytes: Data) {
        self.bytes = bytes
    }

    var count: Int { bytes.count }

    private func copy(to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let count = min(bytes.count - sent, buffer.count)
        bytes.copyBytes(to: buffer, from: bytes.startIndex + sent..<bytes.startIndex + sent + count)
        sent += count
        return count
    }

    /// `CURLOPT_READFUNCTION`; the user data is an unretained `CurlBody`.
    static let readFunction: CurlLibrary.DataCallback = { buffer, size, count, body in
        guard let buffer, let body else { return 0 }
        return Unmanaged<CurlBody>.fromOpaque(body).takeUnretainedValue()
            .copy(to: UnsafeMutableBufferPointer(start: buffer, count: size * count))
    }
}
#endif
