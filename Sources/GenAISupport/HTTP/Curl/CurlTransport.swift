// A blocking HTTP client over libcurl, for Linux, where URLSession does not limit memory.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// Sends requests over kept-alive connections, within hard limits of time and memory.
///
/// With any server, an answer takes at most the answer limit, ``CurlAnswer/headLimit`` and libcurl's own buffers. The
/// deadline covers the whole exchange. Deadline, limits and cancellation take effect without waiting for the server.
/// Redirects are not followed and answers are not decompressed. Certificate files are honoured, unlike by URLSession on
/// Linux. Proxies come from the environment (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`). Thread-safe.
package final class CurlTransport: HTTPTransport {
    private let library: CurlLibrary
    private let userAgent: String
    private let tls: TLSFiles
    private let answerLimit: Int
    private let idle = Locked<[CurlConnection]>([])
    private let closing = Cancellation()

    /// Nil where there is no libcurl.
    package init?(userAgent: String, tls: TLSFiles = TLSFiles(), answerLimit: Int = HTTPTransports.answerLimit) {
        guard let library = CurlLibrary.shared else { return nil }
        self.library = library
        self.userAgent = userAgent
        self.tls = tls
        self.answerLimit = answerLimit
    }

    package func send(
        _ request: HTTPRequest,
        timeout: Duration,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        guard !cancellation.isCancelled, !closing.isCancelled else { return .failure(.cancelled) }
        guard timeout > .zero else { return .failure(.timedOut) }
        let deadline = ContinuousClock.now + timeout
        guard let connection = idle.withLock({ $0.popLast() }) ?? CurlConnection(library) else {
            return .failure(.other("libcurl has no memory"))
        }
        let result = BrokenPipeSignal.ignored {
            closing.withAction(connection.wake) {
                cancellation.withAction(connection.wake) {
                    connection.send(
                        request,
                        userAgent: userAgent,
                        tls: tls,
                        answerLimit: answerLimit,
                        until: deadline,
                        isCancelled: { cancellation.isCancelled || closing.isCancelled }
                    )
                }
            }
        }
        if !closing.isCancelled { idle.withLock { $0.append(connection) } }
        return result
    }

    package func close() {
        closing.cancel()
        idle.withLock { $0 = [] }
    }
}
#endif
