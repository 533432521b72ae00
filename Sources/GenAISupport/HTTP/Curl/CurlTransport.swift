// A blocking HTTP client over libcurl: for Linux, where URLSession bounds no memory.

#if os(Linux) && (arch(x86_64) || arch(arm64))
import Foundation

/// Sends requests over kept-alive connections, within hard bounds of time and memory.
///
/// Against any server an answer costs at most the answer limit, ``CurlAnswer/headLimit`` and libcurl's own buffers; the
/// deadline covers the whole exchange, and neither deadline, limit nor cancellation waits for the server. No redirect is
/// followed and no answer is decompressed. Unlike URLSession on Linux it honours certificate files. Proxies come from the
/// environment (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`), as they do there. Thread-safe.
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
