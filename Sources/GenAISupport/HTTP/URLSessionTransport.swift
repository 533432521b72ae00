// A blocking HTTP client over URLSession, with limits that URLSession on Linux lacks.

import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Sends one request after another over kept-alive connections.
///
/// It adds a time limit for the whole exchange (URLSession's timeouts count idle time only) and a size limit for the
/// answer. It has no redirects, compressed answers, cookies, cache or stored credentials. Thread-safe.
///
/// URLSession on Linux buffers data as fast as the network delivers it, without a limit. So a hostile server can still
/// cost memory; ``hasGivenUp`` reports such a server.
package final class URLSessionTransport: HTTPTransport {
    private struct Session: Sendable {
        let session: URLSession
        let answers: URLSessionAnswers
    }

    private struct State: Sendable {
        var session: Session?
        var hasGivenUp = false
        var isClosed = false
    }

    /// More files than a first request opens. URLSession on Linux ends the process if its queues can't open theirs.
    private static let descriptorsForSession = 12

    /// How long a task may take to end by itself or after its cancellation. After that, its session is given up.
    private static let endLimit: Duration = .milliseconds(200)

    private let userAgent: String
    private let answerLimit: Int
    private let state = Locked(State())
    private let closing = Cancellation()

    package init(userAgent: String, answerLimit: Int = HTTPTransports.answerLimit) {
        self.userAgent = userAgent
        self.answerLimit = answerLimit
    }

    deinit { close() }

    /// Whether any request was given up before URLSession had finished it.
    package var hasGivenUp: Bool { state.withLock { $0.hasGivenUp } }

    package func send(
        _ request: HTTPRequest,
        timeout: Duration,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        guard !cancellation.isCancelled else { return .failure(.cancelled) }
        guard timeout > .zero else { return .failure(.timedOut) }
        let deadline = ContinuousClock.now + timeout
        let urlRequest = urlRequest(for: request, idleLimit: timeout + .seconds(1))
        // Under the lock: making a task of an invalidated session would end the process.
        let begun = state.withLock { state -> Result<(Session, URLSessionDataTask, URLSessionAnswer), HTTPFailure> in
            guard !state.isClosed else { return .failure(.cancelled) }
            guard let session = state.session ?? makeSession() else {
                return .failure(.other("no file descriptors left"))
            }
            state.session = session
            let task = session.session.dataTask(with: urlRequest)
            return .success((session, task, session.answers.begin(task)))
        }
        switch begun {
        case .failure(let failure):
            return .failure(failure)
        case .success((let session, let task, let answer)):
            defer { session.answers.end(task) }
            let cancel: Cancellation.Action = { answer.finish(.failure(.cancelled)) }
            let result = closing.withAction(cancel) {
                cancellation.withAction(cancel) {
                    task.resume()
                    return answer.waitForResult(until: deadline)
                }
            }
            end(task, answer, of: session, isComplete: (try? result.get()) != nil)
            return result.considering(answer.head, of: request)
        }
    }

    package func close() {
        let session = state.withLock { state in
            state.isClosed = true
            defer { state.session = nil }
            return state.session
        }
        // The threads that wait for running requests give them up.
        closing.cancel()
        session?.session.finishTasksAndInvalidate()
    }

    /// Nil if too few file descriptors are left.
    private func makeSession() -> Session? {
        guard canOpenFiles(Self.descriptorsForSession) else { return nil }
        OpenSSL.keepUntilTheEnd()
        let answers = URLSessionAnswers(answerLimit: answerLimit)
        let session = URLSession(configuration: .withoutMemory, delegate: answers, delegateQueue: .serial)
        return Session(session: session, answers: answers)
    }

    /// Makes sure that a task ends after its result is known.
    ///
    /// A task is cancelled only after the head of its answer was accepted. Before that, URLSession on Linux may be about to ask
    /// the delegate about the head, a redirect or a challenge. If the task is cancelled meanwhile, the delegate's reply ends the
    /// process. Such a task ends by its own idle limit instead.
    private func end(_ task: URLSessionDataTask, _ answer: URLSessionAnswer, of session: Session, isComplete: Bool) {
        guard !answer.hasEnded else { return }
        guard answer.hasHead else {
            giveUp(session)
            return session.session.finishTasksAndInvalidate()
        }
        // The task of a complete answer is about to end by itself. Invalidating its session at that moment could end the
        // process.
        if !isComplete { task.cancel() }
        if answer.waitForEnd(until: .now + Self.endLimit) {
            if !isComplete { state.withLock { $0.hasGivenUp = true } }
        } else {
            // URLSession goes on receiving after the cancellation.
            giveUp(session)
            session.session.invalidateAndCancel()
        }
    }

    /// The next request makes another session.
    private func giveUp(_ session: Session) {
        state.withLock { state in
            state.hasGivenUp = true
            if state.session?.session === session.session { state.session = nil }
        }
    }

    private func urlRequest(for request: HTTPRequest, idleLimit: Duration) -> URLRequest {
        var result = URLRequest(url: request.endpoint.url)
        result.httpMethod = request.method
        result.httpBody = request.body
        result.timeoutInterval = min(idleLimit / .seconds(1), 86_400)
        for header in request.fields(userAgent: userAgent) {
            result.setValue(header.value, forHTTPHeaderField: header.name)
        }
        return result
    }
}

extension URLSessionConfiguration {
    /// Only connections are kept between requests.
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

/// Whether so many files can be opened now. Tries it, because limits differ by system and container.
private func canOpenFiles(_ number: Int) -> Bool {
    var opened: [Int32] = []
    defer { for descriptor in opened { close(descriptor) } }
    while opened.count < number {
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        opened.append(descriptor)
    }
    return true
}
