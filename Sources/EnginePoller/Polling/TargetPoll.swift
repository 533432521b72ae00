// One poll of an engine: its metrics page, then what the page lacks, within one deadline.

/// Reads an engine by its metrics page.
final class TargetPoll: ServerPoll {
    private let request: TargetRequest
    private let timeout: Duration
    private let transport: any HTTPTransport
    private let log: Log
    private let failures: FailureLog
    private var details: DetailReader
    /// The engine that was last recognised.
    private var engine: String?

    /// - Parameters:
    ///   - engine: the engine that an earlier run has recognised.
    ///   - timeout: the time limit of one poll.
    init(_ request: TargetRequest, engine: String?, timeout: Duration, _ timeSource: any TimeSource, _ log: Log) {
        let log = log.about(["endpoint": "\(request.endpoint)"])
        self.request = request
        self.engine = engine
        self.timeout = timeout
        self.log = log
        transport = HTTPTransports.libcurlFirst(userAgent: PackageInfo.userAgent, checked: request.tls)
        details = DetailReader(request, timeSource, log)
        failures = FailureLog(log: log, timeSource: timeSource)
    }

    var name: String { "The engine at \(request.endpoint)" }
    var interval: Duration { request.interval }

    func read(_ cancellation: Cancellation) -> ServerReading? {
        let exchange = TargetExchange(transport: transport, deadline: .now + timeout, cancellation: cancellation)
        switch readPage(exchange) {
        case .success(var page):
            if !page.engine.details.isEmpty { details.complete(&page, exchange) }
            if engine != page.engine.name { log.info("\(name) is \(page.engine.name)") }
            engine = page.engine.name
            failures.succeeded("\(name) can be read again")
            return ServerReading(server: request.identity(engine: engine), models: page.models)
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            details.forget()
            failures.failed(
                .warning,
                "\(name) can't be read: \(problem)" + (problem.hint(for: engine).map { " (\($0))" } ?? "")
            )
            return .down(request.identity(engine: engine))
        }
    }

    func close() { transport.close() }

    private func readPage(_ exchange: TargetExchange) -> Result<EnginePage, TargetProblem> {
        exchange.send(request.page).flatMap { answer in
            guard let page = EnginePage(answer.body) else { return .failure(.unexpected(answer.body)) }
            return .success(page)
        }
    }
}

/// Sends the requests of one poll, within one deadline.
struct TargetExchange {
    var transport: any HTTPTransport
    var deadline: ContinuousClock.Instant
    var cancellation: Cancellation

    /// - Returns: the answer if its status is 2xx.
    func send(_ request: HTTPRequest) -> Result<HTTPResponse, TargetProblem> {
        transport.send(request, timeout: ContinuousClock.now.duration(to: deadline), cancellation: cancellation)
            .mapError(TargetProblem.noAnswer)
            .flatMap { (200..<300).contains($0.status) ? .success($0) : .failure(.status($0.status)) }
    }
}
