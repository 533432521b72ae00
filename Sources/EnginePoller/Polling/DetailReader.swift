// The requests beside the metrics page: their answers, kept for as long as they hold.

/// Completes a target's readings with what its engine tells on other paths.
///
/// What does not change is asked for once a minute; so is what the server has refused. A detail that is missing costs its
/// own figures only.
final class DetailReader: Sendable {
    private struct Answer {
        var reading: ModelReading?
        var next: ContinuousClock.Instant
    }

    private struct State {
        var engine: String?
        var answers: [EngineDetail: Answer] = [:]
        /// Details that were warned of and have not been read since.
        var missing: Set<EngineDetail> = []
    }

    /// How long an answer that does not change, or a refusal, is not asked for again.
    static let refreshInterval: Duration = .seconds(60)

    private let request: TargetRequest
    private let timeSource: any TimeSource
    private let log: Log
    private let state = Locked(State())

    init(_ request: TargetRequest, _ timeSource: any TimeSource, _ log: Log) {
        self.request = request
        self.timeSource = timeSource
        self.log = log
    }

    /// Forgets every answer: what comes back at the address may be another server.
    func forget() {
        state.withLock { $0.answers = [:] }
    }

    func complete(_ page: inout EnginePage, _ exchange: TargetExchange) {
        state.withLock { state in
            if state.engine != page.engine.name { state.answers = [:] }
            state.engine = page.engine.name
        }
        // Engines with details serve one model, which their page does not name.
        var model = page.models.first ?? ModelReading(model: nil)
        for detail in page.engine.details {
            if let answer = answer(detail, exchange) { model.complete(with: answer) }
        }
        page.models = model.figures.isEmpty ? [] : [model]
    }

    private func answer(_ detail: EngineDetail, _ exchange: TargetExchange) -> ModelReading? {
        // As a router, llama.cpp lists every model; the target says which one it is about.
        if detail == .llamaModels, let model = request.model { return ModelReading(model: model) }
        let now = timeSource.now
        let last = state.withLock { $0.answers[detail] }
        if let last, now < last.next { return last.reading }

        let kept: ModelReading?
        let isRefused: Bool
        switch ask(detail, exchange) {
        case .success(let reading):
            kept = reading
            isRefused = false
            noteFound(detail)
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            kept = detail.isVolatile ? nil : last?.reading
            isRefused = problem.isRefusal
            noteMissing(detail, problem)
        }
        let isAskedEveryTime = detail.isVolatile && !isRefused
        state.withLock {
            $0.answers[detail] = Answer(reading: kept, next: isAskedEveryTime ? now : now + Self.refreshInterval)
        }
        return kept
    }

    private func ask(
        _ detail: EngineDetail,
        _ exchange: TargetExchange
    ) -> Result<ModelReading, TargetProblem> {
        exchange.send(request.sibling(detail.path)).flatMap { answer in
            guard let reading = detail.decode(answer.body) else { return .failure(.unexpected(answer.body)) }
            return .success(reading)
        }
    }

    private func noteMissing(_ detail: EngineDetail, _ problem: TargetProblem) {
        guard state.withLock({ $0.missing.insert(detail).inserted }) else { return }
        let place = request.sibling(detail.path).endpoint
        log.warning("\(place): \(problem); the readings go without \(detail.purpose)")
    }

    private func noteFound(_ detail: EngineDetail) {
        state.withLock { _ = $0.missing.remove(detail) }
    }
}
