// The delegate of URLSession: collects answers within limits.

import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The delegate of one session, with the answers to its running requests.
///
/// Each session has its own, because each session numbers its tasks from the start.
final class URLSessionAnswers: NSObject, URLSessionDataDelegate, Sendable {
    private let answerLimit: Int
    private let running = Locked<[Int: URLSessionAnswer]>([:])

    init(answerLimit: Int) {
        self.answerLimit = answerLimit
    }

    func begin(_ task: URLSessionTask) -> URLSessionAnswer {
        let answer = URLSessionAnswer(answerLimit: answerLimit)
        running.withLock { $0[task.taskIdentifier] = answer }
        return answer
    }

    func end(_ task: URLSessionTask) {
        running.withLock { $0[task.taskIdentifier] = nil }
    }

    private func answer(of task: URLSessionTask) -> URLSessionAnswer? {
        running.withLock { $0[task.taskIdentifier] }
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        needNewBodyStream completionHandler: @escaping @Sendable (InputStream?) -> Void
    ) {
        // On Linux this means that a kept-alive connection was dead and a new one was opened. The request would hang
        // there, because its body has been read (and to pass a stream here ends the process, Swift 6.3).
        answer(of: task)?.finish(.failure(.connectionLost))
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        didReceive challenge: URLAuthenticationChallenge,
        completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
        // On Linux a 401 arrives here when its answer is complete, and default handling would never end the task.
        // Challenges before an answer (on Apple's systems also the server's certificate) are left to the system.
        let isAnswered = answer(of: task)?.settleWithAnswer() ?? false
        completionHandler(isAnswered ? .rejectProtectionSpace : .performDefaultHandling, nil)
    }

    func urlSession(
        _ session: URLSession,
        dataTask: URLSessionDataTask,
        didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let answer = answer(of: dataTask)
        let isWanted = answer?.receive(response) ?? false
        completionHandler(isWanted ? .allow : .cancel)
        answer?.noteHead()
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        // Unwanted data is dropped. The waiting thread cancels the task: doing so here would block this queue until
        // URLSession's own queue is idle, and fast data would pile up between the two.
        answer(of: dataTask)?.receive(data)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        answer(of: task)?.end(error)
    }
}

/// The answer to one request while it is being received.
final class URLSessionAnswer: Sendable {
    private struct State {
        var hasHead = false
        /// The answer without its body.
        var head: HTTPResponse?
        var response: HTTPResponse?
        var result: Result<HTTPResponse, HTTPFailure>?
        var hasEnded = false
    }

    private let answerLimit: Int
    private let state = Monitor(State())

    init(answerLimit: Int) {
        self.answerLimit = answerLimit
    }

    /// Sets the result if there is none yet.
    func finish(_ result: Result<HTTPResponse, HTTPFailure>) {
        state.mutate { if $0.result == nil { $0.result = result } }
    }

    /// Makes the answer received so far the result.
    ///
    /// - Returns: false if no answer has begun.
    func settleWithAnswer() -> Bool {
        state.mutate { state in
            guard let response = state.response else { return false }
            if state.result == nil { state.result = .success(response) }
            return true
        }
    }

    func waitForResult(until deadline: ContinuousClock.Instant) -> Result<HTTPResponse, HTTPFailure> {
        if let result = state.wait(until: deadline, for: { $0.result }) { return result }
        finish(.failure(.timedOut))
        return state.read { $0.result } ?? .failure(.timedOut)
    }

    /// Whether the head of an answer was accepted or refused, and URLSession knows whether to go on.
    var hasHead: Bool { state.read { $0.hasHead } }

    /// The status and headers, as soon as they have arrived.
    var head: HTTPResponse? { state.read { $0.head } }

    func noteHead() { state.mutate { $0.hasHead = true } }

    /// Whether URLSession has finished the task.
    var hasEnded: Bool { state.read { $0.hasEnded } }

    /// Waits until URLSession has finished the task.
    func waitForEnd(until deadline: ContinuousClock.Instant) -> Bool {
        state.wait(until: deadline) { $0.hasEnded ? true : nil } ?? false
    }

    /// - Returns: whether to receive the body.
    func receive(_ response: URLResponse) -> Bool {
        guard let response = HTTPResponse(response) else {
            finish(.failure(.connectionLost))
            return false
        }
        state.mutate { $0.head = response }
        // URLSession would decompress the body without a limit.
        if let coding = response.contentCoding ?? (response.isReadByURLSession ? nil : HTTPFailure.unknownCoding) {
            finish(.failure(.answerEncoded(coding)))
            return false
        }
        if let length = response.headers["content-length"].flatMap({ Int(digits: $0) }), length > answerLimit {
            finish(.failure(.answerTooLarge(limit: answerLimit)))
            return false
        }
        state.mutate { $0.response = response }
        return true
    }

    func receive(_ data: Data) {
        state.mutate { state in
            guard state.result == nil, state.response != nil else { return }
            guard state.response!.body.count + data.count <= answerLimit else {
                state.response = nil
                state.result = .failure(.answerTooLarge(limit: answerLimit))
                return
            }
            state.response!.body.append(contentsOf: data)
        }
    }

    func end(_ error: (any Error)?) {
        state.mutate { state in
            state.hasEnded = true
            guard state.result == nil else { return }
            if let error {
                state.result = .failure(HTTPFailure(error, hasAnswer: state.response != nil))
            } else {
                state.result = state.response.map { .success($0) } ?? .failure(.connectionLost)
            }
            state.response = nil
        }
    }
}

extension HTTPResponse {
    fileprivate init?(_ response: URLResponse) {
        guard let response = response as? HTTPURLResponse else { return nil }
        self.init(status: response.statusCode)
        for (name, value) in response.allHeaderFields {
            guard let name = name as? String, let value = value as? String else { continue }
            headers[name.lowercased()] = value
        }
    }
}

extension HTTPFailure {
    /// - Parameter hasAnswer: whether the head of an answer was received before the error.
    fileprivate init(_ error: any Error, hasAnswer: Bool) {
        let number = (error as NSError).code
        let code: URLError.Code? = URLError.Code(rawValue: number)
        self =
            switch code {
            case .timedOut: .timedOut
            // A cancelled request has its result already. Here the session was given up because of another request.
            case .cancelled: .connectionLost
            case .cannotConnectToHost: .connectionRefused
            case .networkConnectionLost, .badServerResponse, .cannotParseResponse, .zeroByteResource: .connectionLost
            // On Linux, bytes that are not HTTP give `unsupportedURL`, and a body that ends early gives `unknown`.
            case .unsupportedURL: .connectionLost
            case .unknown where hasAnswer: .connectionLost
            case .cannotFindHost, .dnsLookupFailed: .hostNotFound
            case .secureConnectionFailed: .handshakeFailed
            case .serverCertificateUntrusted, .serverCertificateHasBadDate,
                .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot, .clientCertificateRejected,
                .clientCertificateRequired:
                .tlsFailed
            default: .other("NSURLErrorDomain \(number)")
            }
    }
}
