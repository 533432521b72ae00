// The seam between those who have something to send and the ways to send it.

/// Sends requests: an HTTP client, or a test's stand-in for one.
package protocol HTTPTransport: Sendable {
    /// Sends `request` and blocks until the answer is complete, the timeout has passed or the cancellation is raised.
    ///
    /// - Parameter timeout: the longest that all of it may take, in real time.
    func send(
        _ request: HTTPRequest,
        timeout: Duration,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure>

    /// Ends all connections. Requests that are under way fail as cancelled; the transport can't be used again.
    func close()
}

/// The transports of this package, by who uses them.
package enum HTTPTransports {
    /// The largest answer that is read, in bytes.
    package static let answerLimit = 4 * 1024 * 1024

    /// For polls of Ollama: URLSession, and libcurl where that does not do. Costs nothing before the first request.
    package static func urlSessionFirst(userAgent: String) -> any HTTPTransport {
        ChosenTransport(.urlSession, userAgent: userAgent)
    }

    /// For exports and polls of engines: libcurl, the client with the hardest bounds, and URLSession where there is no
    /// libcurl. Costs nothing before the first request, unless there are certificate files.
    ///
    /// Throws ``TLSFiles/Unusable`` if certificate files can't be honoured: to go on without them would be weaker trust than
    /// asked for.
    package static func libcurlFirst(userAgent: String, tls: TLSFiles) throws -> any HTTPTransport {
        if !tls.isEmpty {
            try tls.validate()
            guard libcurl(userAgent, tls) != nil else {
                throw TLSFiles.Unusable(
                    description: "certificate files can only be honoured through libcurl, which is not there"
                )
            }
        }
        return ChosenTransport(.libcurl, userAgent: userAgent, tls: tls)
    }

    /// The same without certificate files.
    package static func libcurlFirst(userAgent: String) -> any HTTPTransport {
        ChosenTransport(.libcurl, userAgent: userAgent)
    }

    /// Lets requests be sent until the process is gone, whoever else uses TLS from now on: called by what sends at the exit.
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
