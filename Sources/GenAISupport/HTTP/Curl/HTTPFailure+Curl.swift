// The meaning of libcurl's result codes.

#if os(Linux) && (arch(x86_64) || arch(arm64))

extension HTTPFailure {
    /// - Parameter code: a `CURLcode` other than `CURLE_OK`.
    init(curl code: Int32) {
        self =
            switch code {
            case 5, 6: .hostNotFound
            case 7: .connectionRefused
            // Not HTTP, a body or a request cut short, an empty answer, an error while sending or receiving.
            case 8, 18, 27, 52, 55, 56, 65, 100, 1: .connectionLost
            case 28: .timedOut
            // Also a connection that is reset during the handshake. A retry may succeed.
            case 35, 80: .handshakeFailed
            // Certificates, keys, ciphers, their files, and host names that do not match. A retry can't succeed.
            case 51, 53, 54, 58, 59, 60, 66, 77, 82, 83, 90, 91, 98: .tlsFailed
            default: .other("libcurl \(code)")
            }
    }
}
#endif
