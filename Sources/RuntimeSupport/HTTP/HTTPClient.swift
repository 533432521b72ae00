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
package final class HTTPClient: HTTPTransport {
    /// The largest answer that is read.
    package static let defaultAnswerLimit = 4 * 1024 * 1024

    /// How long a cancelled request may take to let go of its connection before the whole session is given up.
    private static let cancellationGrace: Duration = .milliseconds(200)

    private enum SessionState {
        case none
        case open(URLSession)
        case closed
    }

    private let exchanges: HTTPExchanges
    private let userAgent: String
    private let session = Locked(SessionState.none)

    package init(userAgent: String, answerLimit: Int = HTTPClient.defaultAnswerLimit) {
        self.userAgent = userAgent
        exchanges = HTTPExchanges(answerLimit: answerLimit)
    }

    deinit { close() }

    package func send(
        _ request: HTTPRequest,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        let remaining = ContinuousClock.now.duration(to: deadline)
        guard !cancellation.isCancelled else { return .failure(.cancelled) }
        guard remaining > .zero else { return .failure(.timedOut) }
        guard let session = openSession() else { return .failure(.cancelled) }

        let task = session.dataTask(with: urlRequest(for: request, idleLimit: remaining + .seconds(1)))
        let exchange = exchanges.begin(task)
        defer { exchanges.end(task) }
        let result = cancellation.withAction({ exchange.finish(.failure(.cancelled)) }) {
            task.resume()
            return exchange.waitForResult(until: deadline)
        }
        if !exchange.hasEnded { abandon(task, exchange, of: session) }
        return result
    }

    package func close() {
        let old = session.withLock { session in
            defer { session = .closed }
            return session
        }
        if case .open(let old) = old { old.invalidateAndCancel() }
    }

    private func openSession() -> URLSession? {
        session.withLock { session -> URLSession? in
            switch session {
            case .open(let session):
                return session
            case .closed:
                return nil
            case .none:
                let new = URLSession(configuration: .withoutMemory, delegate: exchanges, delegateQueue: .serial)
                session = .open(new)
                return new
            }
        }
    }

    /// Cancels the task. One that goes on receiving all the same ends with its session, and one that receives fast at once:
    /// to cancel that would wait, for seconds, for URLSession to take a breath.
    private func abandon(_ task: URLSessionDataTask, _ exchange: HTTPExchange, of session: URLSession) {
        if !exchange.isFlooded {
            task.cancel()
            guard !exchange.waitForEnd(until: .now + Self.cancellationGrace) else { return }
        }
        self.session.withLock { current in
            if case .open(let open) = current, open === session { current = .none }
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
