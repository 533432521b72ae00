// The interface between senders of requests and HTTP clients.

/// Sends requests: an HTTP client, or a substitute in tests.
package protocol HTTPTransport: Sendable {
    /// Sends `request` and blocks until the answer is complete, the timeout has passed or the cancellation is raised.
    ///
    /// - Parameter timeout: the limit for the whole exchange, in real time.
    func send(
        _ request: HTTPRequest,
        timeout: Duration,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure>

    /// Closes all connections. Running requests fail as cancelled, and so do later ones.
    func close()
}

/// Makes the transports for each use.
package enum HTTPTransports {
    /// The largest answer that is read, in bytes.
    package static let answerLimit = 4 * 1024 * 1024

    /// For polls of Ollama: URLSession, and libcurl where that falls short. Costs nothing before the first request.
    package static func urlSessionFirst(userAgent: String) -> any HTTPTransport {
        ChosenTransport(.urlSession, userAgent: userAgent)
    }

    /// For exports and polls of engines: libcurl, which has the strictest limits, or URLSession if there is no libcurl.
    /// Costs nothing before the first request, unless there are certificate files.
    ///
    /// Throws ``TLSFiles/Unusable`` if certificate files can't be honoured: trust must not be weaker than configured.
    package static func libcurlFirst(userAgent: String, tls: TLSFiles) throws -> any HTTPTransport {
        if !tls.isEmpty {
            try tls.validate()
            guard libcurl(userAgent, tls) != nil else {
                throw TLSFiles.Unusable(
                    description: "certificate files need libcurl, which is not available"
                )
            }
        }
        return ChosenTransport(.libcurl, userAgent: userAgent, tls: tls)
    }

    /// The same without certificate files.
    package static func libcurlFirst(userAgent: String) -> any HTTPTransport {
        ChosenTransport(.libcurl, userAgent: userAgent)
    }

    /// Keeps TLS usable until the process has ended. For code that sends at exit; to be called before TLS is used.
    package static func keepUntilTheEnd() { OpenSSL.keepUntilTheEnd() }

    /// Nil where there is no libcurl.
    static func libcurl(_ userAgent: String, _ tls: TLSFiles) -> (any HTTPTransport)? {
        #if os(Linux) && (arch(x86_64) || arch(arm64))
        CurlTransport(userAgent: userAgent, tls: tls)
        #else
        nil
        #endif
    }
}
