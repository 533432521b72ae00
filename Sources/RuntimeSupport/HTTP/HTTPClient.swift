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
/// What URLSession on Linux can't be held to is the limit itself: it receives as fast as the network delivers, hands on as
/// fast as it can, and bounds nothing in between. So a server that has flooded this client once is asked through libcurl
/// from then on, where that is there.
package final class HTTPClient: HTTPTransport {
    /// The largest answer that is read.
    package static let defaultAnswerLimit = 4 * 1024 * 1024

    /// How long a cancelled request may take to let go of its connection before the whole session is given up.
    private static let cancellationGrace: Duration = .milliseconds(200)

    /// What the next request goes through.
    private enum Way {
        case none
        case session(URLSession)
        /// After a flood.
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
        case .none, .closed: return .failure(.cancelled)
        }
    }

    package func close() {
        let old = way.withLock { way in
            defer { way = .closed }
            return way
        }
        switch old {
        case .session(let session): session.invalidateAndCancel()
        case .bounded(let transport): transport.close()
        case .none, .closed: break
        }
    }

    private func openWay() -> Way {
        way.withLock { way in
            if case .none = way {
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

    /// Cancels the task. One that goes on receiving all the same ends with its session, and one that receives fast at once:
    /// to cancel that would wait, for seconds, for URLSession to take a breath.
    private func abandon(_ task: URLSessionDataTask, _ exchange: HTTPExchange, of session: URLSession) {
        var next = Way.none
        if exchange.isFlooded {
            HTTPTransports.bounded(userAgent: userAgent, answerLimit: answerLimit).map { next = .bounded($0) }
        } else {
            task.cancel()
            guard !exchange.waitForEnd(until: .now + Self.cancellationGrace) else { return }
        }
        way.withLock { way in
            if case .session(let current) = way, current === session { way = next }
        }
        session.invalidateAndCancel()
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
