// The requests beside the metrics page: their answers, kept for as long as they hold.

/// Completes a target's readings with what its engine tells on other paths.
///
/// What does not change is asked for once a minute; so is what the server has refused. A detail that is missing costs its
/// own figures only.
struct DetailReader {
    private struct Answer {
        var reading: ModelReading?
        var next: ContinuousClock.Instant
    }

    /// How long an answer that does not change, or a refusal, is not asked for again.
    static let refreshInterval: Duration = .seconds(60)

    private let request: TargetRequest
    private let timeSource: any TimeSource
    private let log: Log
    private var engine: String?
    private var answers: [EngineDetail: Answer] = [:]
    /// Details that were warned of and have not been read since.
    private var missing: Set<EngineDetail> = []

    init(_ request: TargetRequest, _ timeSource: any TimeSource, _ log: Log) {
        self.request = request
        self.timeSource = timeSource
        self.log = log
    }

    /// Forgets every answer: what comes back at the address may be another server.
    mutating func forget() { answers = [:] }

    mutating func complete(_ page: inout EnginePage, _ exchange: TargetExchange) {
        if engine != page.engine.name { forget() }
        engine = page.engine.name
        // Engines with details serve one model, which their page does not name.
        var model = page.models.first ?? ModelReading(model: nil)
        for detail in page.engine.details {
            if let answer = answer(detail, exchange) { model.complete(with: answer) }
        }
        page.models = model.figures.isEmpty ? [] : [model]
    }

    private mutating func answer(_ detail: EngineDetail, _ exchange: TargetExchange) -> ModelReading? {
        // As a router, llama.cpp lists every model; the target says which one it is about.
        if detail == .llamaModels, let model = request.model { return ModelReading(model: model) }
        let now = timeSource.now
        let last = answers[detail]
        if let last, now < last.next { return last.reading }

        let kept: ModelReading?
        let isRefused: Bool
        switch ask(detail, exchange) {
        case .success(let reading):
            kept = reading
            isRefused = false
            missing.remove(detail)
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            kept = detail.isVolatile ? nil : last?.reading
            isRefused = problem.isRefusal
            if missing.insert(detail).inserted {
                let place = request.sibling(detail.path).endpoint
                log.warning("\(place): \(problem); reporting no \(detail.purpose)")
            }
        }
        let isAskedEveryTime = detail.isVolatile && !isRefused
        answers[detail] = Answer(reading: kept, next: isAskedEveryTime ? now : now + Self.refreshInterval)
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
}
