// One poll of an engine: its metrics page, then whatever the page lacks, all within one deadline.

import Foundation

/// Reads an engine by its metrics page.
final class TargetPoller: ServerPoller {
    private struct State {
        var client: (any HTTPTransport)?
        var engine: String?
    }

    private let request: TargetRequest
    private let timeout: Duration
    private let details: DetailReader
    private let log: Log
    private let failures: FailureLog
    private let state = Locked(State())

    init(_ request: TargetRequest, timeout: Duration, _ timeSource: any TimeSource, _ log: Log) {
        self.request = request
        self.timeout = timeout
        self.log = log
        details = DetailReader(request, timeSource, log)
        failures = FailureLog(log: log, timeSource: timeSource)
    }

    var interval: Duration { request.interval }

    func poll(_ cancellation: Cancellation) -> ServerReading? {
        let exchange = TargetExchange(client: client(), deadline: .now + timeout, cancellation: cancellation)
        switch readPage(exchange) {
        case .success(var page):
            if !page.engine.details.isEmpty { details.complete(&page, exchange) }
            noteEngine(page.engine.name)
            failures.succeeded("\(request.endpoint) can be read again")
            return ServerReading(server: identity(page.engine.name), models: page.models)
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            details.forget()
            failures.failed(
                .warning,
                "\(request.endpoint) can't be read: \(problem)" + (problem.hint.map { " (\($0))" } ?? "")
            )
            return .down(identity(state.withLock { $0.engine }))
        }
    }

    func close() {
        let client = state.withLock { state in
            defer { state.client = nil }
            return state.client
        }
        client?.close()
    }

    private func readPage(_ exchange: TargetExchange) -> Result<EnginePage, TargetProblem> {
        exchange.send(request.page).flatMap { answer in
            guard let page = EnginePage(answer.body) else { return .failure(.unexpected(answer.body)) }
            return .success(page)
        }
    }

    private func client() -> any HTTPTransport {
        state.withLock { state in
            let client = state.client ?? HTTPTransports.best(userAgent: PackageInfo.userAgent)
            state.client = client
            return client
        }
    }

    private func noteEngine(_ name: String) {
        let isNew = state.withLock { state in
            defer { state.engine = name }
            return state.engine != name
        }
        if isNew { log.info("\(request.endpoint) is \(name)") }
    }

    private func identity(_ engine: String?) -> ServerIdentity {
        ServerIdentity(engine: engine, address: request.endpoint.host, port: request.endpoint.port)
    }
}

/// The requests of one poll: what they are sent with and how long they may take in all.
struct TargetExchange {
    var client: any HTTPTransport
    var deadline: ContinuousClock.Instant
    var cancellation: Cancellation

    /// - Returns: the answer if it is a success.
    func send(_ request: HTTPRequest) -> Result<HTTPResponse, TargetProblem> {
        client.send(request, deadline: deadline, cancellation: cancellation)
            .mapError(TargetProblem.noAnswer)
            .flatMap { (200..<300).contains($0.status) ? .success($0) : .failure(.status($0.status)) }
    }
}
