// The seam between those who have something to send and the ways to send it.

/// Sends requests: an HTTP client, or a test's stand-in for one.
package protocol HTTPTransport: Sendable {
    /// Sends `request` and blocks until the answer is complete, the deadline has passed or the cancellation is raised.
    func send(
        _ request: HTTPRequest,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure>

    /// Ends all connections. Requests that are under way fail as cancelled; the transport can't be used again.
    func close()
}

/// The choice among the HTTP clients of this package.
package enum HTTPTransports {
    /// Lets requests be sent until the process is gone, whoever else uses TLS from now on: called by what sends at the exit.
    package static func keepUntilTheEnd() { OpenSSL.keepUntilTheEnd() }

    /// The client with the hardest bounds that there is here: over libcurl on Linux, else over URLSession. Costs nothing
    /// before the first request.
    package static func best(userAgent: String) -> any HTTPTransport {
        LazyTransport { bounded(userAgent: userAgent) ?? HTTPClient(userAgent: userAgent) }
    }

    /// A client over URLSession. Costs nothing before the first request.
    package static func session(userAgent: String) -> any HTTPTransport {
        LazyTransport { HTTPClient(userAgent: userAgent) }
    }

    /// A client that no server can make use more memory than its limits say; nil where there is none but URLSession.
    static func bounded(
        userAgent: String,
        answerLimit: Int = HTTPClient.defaultAnswerLimit
    ) -> (any HTTPTransport)? {
        curl(userAgent, TLSFiles(), answerLimit)
    }

    /// The same, with certificate files of its own; they are looked at right away.
    ///
    /// Throws ``TLSFiles/Unusable`` if they can't be honoured: to go on without them would be weaker trust than asked for.
    package static func best(userAgent: String, tls: TLSFiles) throws -> any HTTPTransport {
        guard !tls.isEmpty else { return best(userAgent: userAgent) }
        try tls.validate()
        if let client = curl(userAgent, tls, HTTPClient.defaultAnswerLimit) { return client }
        throw TLSFiles.Unusable(
            description: "certificate files can only be honoured through libcurl, which is not there"
        )
    }

    private static func curl(_ userAgent: String, _ tls: TLSFiles, _ answerLimit: Int) -> (any HTTPTransport)? {
        #if os(Linux) && (arch(x86_64) || arch(arm64))
        CurlClient(userAgent: userAgent, tls: tls, answerLimit: answerLimit)
        #else
        nil
        #endif
    }
}
