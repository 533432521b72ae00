// A request's body, as libcurl's callback reads it.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// A body while it is being sent. Used by one thread: libcurl calls back on the thread that drives it.
///
/// libcurl reads it through a callback that can't start over. Given the bytes as memory, libcurl would silently repeat
/// a request when a kept-alive connection turns out to be dead.
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
