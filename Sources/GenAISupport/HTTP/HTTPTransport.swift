// How requests are sent, and the one place that chooses an HTTP client.

import Foundation

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
    ///
    /// - Parameter tls: files that have passed ``check(_:)``. A request fails where they can't be honoured.
    package static func urlSessionFirst(userAgent: String, checked tls: TLSFiles = TLSFiles()) -> any HTTPTransport {
        ChosenTransport(.urlSession, userAgent: userAgent, tls: tls)
    }

    /// For exports and polls of engines: libcurl, which has the strictest limits, or URLSession if there is no libcurl.
    /// Costs nothing before the first request, unless there are certificate files.
    ///
    /// Throws ``TLSFiles/Unusable`` if certificate files can't be honoured: trust must not be weaker than configured.
    package static func libcurlFirst(userAgent: String, tls: TLSFiles) throws -> any HTTPTransport {
        try check(tls)
        return libcurlFirst(userAgent: userAgent, checked: tls)
    }

    /// The same with files that have passed ``check(_:)``. A request fails where they can't be honoured.
    package static func libcurlFirst(userAgent: String, checked tls: TLSFiles = TLSFiles()) -> any HTTPTransport {
        ChosenTransport(.libcurl, userAgent: userAgent, tls: tls)
    }

    /// Throws ``TLSFiles/Unusable`` if certificate files can't be honoured. Reads them.
    package static func check(_ tls: TLSFiles) throws(TLSFiles.Unusable) {
        guard !tls.isEmpty else { return }
        try tls.validate()
        guard libcurl("", tls) != nil else {
            throw TLSFiles.Unusable(description: "certificate files need libcurl, which is not available")
        }
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

/// Sends through URLSession or libcurl.
///
/// If URLSession is preferred, libcurl takes over where URLSession on Linux falls short:
/// - IPv6 literals, which it refuses;
/// - https: it continues a TLS handshake that was given up, which can crash a process that exits meanwhile;
/// - after a request that had to be given up, because URLSession does not limit memory;
/// - answers with an unknown `Content-Encoding`, which it does not return.
///
/// Clients are made by the first request, on its thread, because loading libcurl and its TLS library takes
/// milliseconds.
private final class ChosenTransport: HTTPTransport {
    enum Preference { case urlSession, libcurl }

    private struct State: Sendable {
        var urlSession: URLSessionTransport?
        var libcurl: (any HTTPTransport)?
        /// Whether there was an answer that URLSession does not return.
        var hasUnreadable = false
        var isClosed = false
    }

    private static let redirects: Set = [301, 302, 303, 307, 308]

    private let preference: Preference
    private let userAgent: String
    private let tls: TLSFiles
    private let state = Locked(State())

    init(_ preference: Preference, userAgent: String, tls: TLSFiles = TLSFiles()) {
        self.preference = preference
        self.userAgent = userAgent
        self.tls = tls
    }

    /// Follows one redirect of a GET to the same scheme, host and port. Other redirects would send headers to another
    /// server, or a body twice.
    func send(
        _ request: HTTPRequest,
        timeout: Duration,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        let deadline = ContinuousClock.now + timeout
        let result = exchange(request, until: deadline, cancellation)
        guard case .success(let answer) = result, request.method == "GET", Self.redirects.contains(answer.status),
            let endpoint = answer.headers["location"].flatMap(request.endpoint.redirected)
        else { return result }
        var second = request
        second.endpoint = endpoint
        return exchange(second, until: deadline, cancellation)
    }

    private func exchange(
        _ request: HTTPRequest,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        func send(_ client: any HTTPTransport) -> Result<HTTPResponse, HTTPFailure> {
            client.send(request, timeout: ContinuousClock.now.duration(to: deadline), cancellation: cancellation)
        }
        let result = client(for: request.endpoint).flatMap(send)
        guard case .failure(.answerEncoded(HTTPFailure.unknownCoding)) = result else { return result }
        state.withLock { $0.hasUnreadable = true }
        // A POST must not be sent twice.
        guard request.method == "GET", case .success(let other) = client(for: request.endpoint),
            !(other is URLSessionTransport)
        else { return result }
        return send(other)
    }

    func close() {
        let (urlSession, libcurl) = state.withLock { state in
            defer { state = State(isClosed: true) }
            return (state.urlSession, state.libcurl)
        }
        urlSession?.close()
        libcurl?.close()
    }

    /// Fails every request: used after ``close()``, and if certificate files can't be honoured.
    private func client(for endpoint: HTTPEndpoint) -> Result<any HTTPTransport, HTTPFailure> {
        state.withLock { state in
            guard !state.isClosed else { return .failure(.cancelled) }
            let needsLibcurl =
                endpoint.isIPv6Literal || endpoint.isSecure || state.urlSession?.hasGivenUp == true
                || state.hasUnreadable
            if preference == .libcurl || needsLibcurl,
                let libcurl = state.libcurl ?? HTTPTransports.libcurl(userAgent, tls)
            {
                state.libcurl = libcurl
                return .success(libcurl)
            }
            guard tls.isEmpty || !endpoint.isSecure else { return .failure(.tlsFailed) }
            let urlSession = state.urlSession ?? URLSessionTransport(userAgent: userAgent)
            state.urlSession = urlSession
            return .success(urlSession)
        }
    }
}
