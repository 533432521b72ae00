// One poll of an engine: its metrics page, then what the page lacks, within one deadline.

import Foundation

/// Reads an engine by its metrics page.
final class TargetPoll: ServerPoll {
    private let request: TargetRequest
    private let timeout: Duration
    private let transport: any HTTPTransport
    private let log: Log
    private let failures: FailureLog
    private let timeSource: any TimeSource
    private var details: DetailReader
    /// Set while the server is a llama.cpp router.
    private var router: LlamaRouter?
    private var levels = CounterLevels()
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
        self.timeSource = timeSource
        transport = HTTPTransports.libcurlFirst(userAgent: PackageInfo.userAgent, checked: request.tls)
        details = DetailReader(request, timeSource, log)
        failures = FailureLog(log: log, timeSource: timeSource)
    }

    var name: String { "The engine at \(request.endpoint)" }
    var interval: Duration { request.interval }

    func read(_ cancellation: Cancellation) -> ServerReading? {
        let exchange = TargetExchange(transport: transport, deadline: .now + timeout, cancellation: cancellation)
        switch readModels(exchange) {
        case .success(.some(let models)):
            failures.succeeded("\(name) can be read again")
            return ServerReading(server: request.identity(engine: engine), models: models)
        case .success(nil):
            failures.failed(.warning, "\(name) is busy: it is up, but did not answer with its metrics in time")
            return .busy(request.identity(engine: engine))
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            details.forget()
            router = nil
            let reason = "\(problem)" + (problem.hint(for: engine).map { " (\($0))" } ?? "")
            failures.failed(.warning, "\(name) can't be read: \(reason)")
            return .down(request.identity(engine: engine), because: reason)
        }
    }

    func close() { transport.close() }

    /// - Returns: nil if the server is busy.
    private func readModels(_ exchange: TargetExchange) -> Result<[ModelReading]?, TargetProblem> {
        if let models = router?.read(exchange) { return models.map(Optional.some) }
        router = nil
        // llama.cpp may not answer before it has read a long prompt. Time is left to find out whether it is up.
        let mayBeBusy = engine == nil || engine == Engine.llamaCpp.name
        switch exchange.readPage(request, timeShare: mayBeBusy ? 0.75 : 1) {
        case .success(var page):
            recognise(page.engine.name)
            if !page.engine.details.isEmpty { details.complete(&page, exchange) }
            if levels.areMixed(page.models) {
                log.warning(
                    "\(name): its counters jump between two levels: this looks like a load balancer; poll each engine directly"
                )
            }
            return .success(page.models)
        case .failure(.noAnswer(.timedOut)) where mayBeBusy && exchange.isHealthy(request):
            return .success(nil)
        case .failure(.status(400)) where request.model == nil:
            var router = LlamaRouter(request, timeSource, log)
            guard let models = router.read(exchange) else { return .failure(.status(400)) }
            self.router = router
            if case .success = models { recognise(Engine.llamaCpp.name) }
            return models.map(Optional.some)
        case .failure(let problem):
            return .failure(problem)
        }
    }

    private func recognise(_ name: String) {
        if engine != name { log.info("\(self.name) is \(name)") }
        engine = name
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

    /// - Parameter timeShare: the part of the remaining time that the request may take, 0 to 1.
    func readPage(_ request: TargetRequest, timeShare: Double = 1) -> Result<EnginePage, TargetProblem> {
        var exchange = self
        exchange.deadline = .now + ContinuousClock.now.duration(to: deadline) * timeShare
        return exchange.send(request.page).flatMap { answer in
            guard let page = EnginePage(answer.body) else { return .failure(.unexpected(answer.body)) }
            return .success(page)
        }
    }

    /// Whether it is a llama.cpp server that is up. It answers this request even while it can't answer others.
    func isHealthy(_ request: TargetRequest) -> Bool {
        guard case .success(let answer) = send(request.sibling("/health")) else { return false }
        return (try? JSONDecoder().decode(HealthAnswer.self, from: Data(answer.body)))?.status == "ok"
    }
}

/// The answer of llama.cpp's `/health`.
private struct HealthAnswer: Decodable { var status: String }
