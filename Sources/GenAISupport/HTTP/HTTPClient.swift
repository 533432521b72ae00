// A blocking HTTP client over URLSession that holds what URLSession on Linux alone does not.

import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Sends one request after another over kept-alive connections.
///
/// Beyond URLSession's own: a deadline for the whole exchange (its timeouts count idle time only), a limit for the answer,
/// no redirects (headers would travel with them to another host), no compressed answers, no cookies, cache or stored
/// credentials. Thread-safe.
///
/// What URLSession on Linux can't be held to is the limit itself (it receives as fast as the network delivers, hands on as
/// fast as it can, and bounds nothing in between), and that a task can be cancelled at any moment. So a server that has
/// not answered within limits of time and size once is asked through libcurl from then on, where that is there.
package final class HTTPClient: HTTPTransport {
    /// The largest answer that is read.
    package static let defaultAnswerLimit = 4 * 1024 * 1024

    /// How long a cancelled request may take to let go of its connection before the whole session is given up.
    private static let cancellationGrace: Duration = .milliseconds(200)

    /// What the next request goes through.
    private enum Way {
        case none
        case session(URLSession)
        /// After a request that had to be given up.
        case bounded(any HTTPTransport)
        case closed
    }

    private let exchanges: HTTPExchanges
    private let userAgent: String
    private let answerLimit: Int
    private let way = Locked(Way.none)

    package init(userAgent: String, answerLimit: Int = HTTPClient.defaultAnswerLimit) {
        self.userAgent = userAgent
        self.answerLimit = answerLimit
        exchanges = HTTPExchanges(answerLimit: answerLimit)
    }

    deinit { close() }

    package func send(
        _ request: HTTPRequest,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        guard !cancellation.isCancelled else { return .failure(.cancelled) }
        guard ContinuousClock.now < deadline else { return .failure(.timedOut) }
        switch openWay() {
        case .session(let session): return send(request, through: session, deadline, cancellation)
        case .bounded(let transport): return transport.send(request, deadline: deadline, cancellation: cancellation)
        case .none: return .failure(.other("no file descriptors left"))
        case .closed: return .failure(.cancelled)
        }
    }

    package func close() {
        let old = way.withLock { way in
            defer { way = .closed }
            return way
        }
        switch old {
        // Whatever is under way is given up by those who wait for it.
        case .session(let session): session.finishTasksAndInvalidate()
        case .bounded(let transport): transport.close()
        case .none, .closed: break
        }
    }

    /// What a first request opens besides its socket, and some more: the queues of URLSession on Linux end the process if
    /// they can't have theirs.
    private static let descriptorsForSession = 12

    /// - Returns: `none` if there is none now.
    private func openWay() -> Way {
        way.withLock { way in
            if case .none = way, FileDescriptors.areLeft(Self.descriptorsForSession) {
                OpenSSL.keepUntilTheEnd()
                way = .session(
                    URLSession(configuration: .withoutMemory, delegate: exchanges, delegateQueue: .serial)
                )
            }
            return way
        }
    }

    private func send(
        _ request: HTTPRequest,
        through session: URLSession,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        let idleLimit = ContinuousClock.now.duration(to: deadline) + .seconds(1)
        let task = session.dataTask(with: urlRequest(for: request, idleLimit: idleLimit))
        let exchange = exchanges.begin(task)
        defer { exchanges.end(task) }
        let result = cancellation.withAction({ exchange.finish(.failure(.cancelled)) }) {
            task.resume()
            return exchange.waitForResult(until: deadline)
        }
        if !exchange.hasEnded { abandon(task, exchange, of: session) }
        return result
    }

    /// Gives up a task that has not ended in time, and the session with it.
    ///
    /// With libcurl there to go on with, a task is cancelled only once the head of its answer has come. Before, URLSession on
    /// Linux may be about to ask what to do with a redirect or a challenge, and ends the process if it hears the answer of
    /// a cancelled task; such a task ends by its own idle limit instead.
    private func abandon(_ task: URLSessionDataTask, _ exchange: HTTPExchange, of session: URLSession) {
        if let bounded = HTTPTransports.bounded(userAgent: userAgent, answerLimit: answerLimit) {
            replace(session, by: .bounded(bounded))
            exchange.hasHead ? session.invalidateAndCancel() : session.finishTasksAndInvalidate()
        } else {
            task.cancel()
            // One that goes on receiving all the same ends with its session.
            guard !exchange.waitForEnd(until: .now + Self.cancellationGrace) else { return }
            replace(session, by: .none)
            session.invalidateAndCancel()
        }
    }

    private func replace(_ session: URLSession, by next: Way) {
        way.withLock { way in
            if case .session(let current) = way, current === session { way = next }
        }
    }

    private func urlRequest(for request: HTTPRequest, idleLimit: Duration) -> URLRequest {
        var result = URLRequest(url: request.endpoint.url)
        result.httpMethod = request.method
        result.httpBody = request.body
        result.timeoutInterval = min(idleLimit / .seconds(1), 86_400)
        result.setValue(userAgent, forHTTPHeaderField: "User-Agent")
        result.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if let authorization = request.endpoint.authorization {
            result.setValue(authorization, forHTTPHeaderField: "Authorization")
        }
        for header in request.headers { result.setValue(header.value, forHTTPHeaderField: header.name) }
        return result
    }
}

extension URLSessionConfiguration {
    /// Nothing is remembered from one request to the next but the connection.
    fileprivate static var withoutMemory: URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCredentialStorage = nil
        return configuration
    }
}

extension OperationQueue {
    fileprivate static var serial: OperationQueue {
        let queue = OperationQueue()
        queue.name = "genai-http"
        queue.maxConcurrentOperationCount = 1
        return queue
    }
}
