// Reads figures that an engine reports only on other paths, and keeps the answers while they are valid.

import GenAISupport

/// Completes a target's readings with figures from other paths of its engine.
///
/// Constant answers are requested once a minute, and so are requests that the server has refused. A missing detail
/// costs only its own figures.
struct DetailReader {
    private struct Answer {
        var reading: ModelReading?
        var next: ContinuousClock.Instant
    }

    /// How long a constant answer, or a refusal, is kept.
    static let refreshInterval: Duration = .seconds(60)

    private let request: TargetRequest
    private let timeSource: any TimeSource
    private let log: Log
    private var engine: String?
    private var answers: [EngineDetail: Answer] = [:]
    private var cache = LlamaCache()
    /// Details that a warning was logged about and that have not been read since.
    private var missing: Set<EngineDetail> = []

    init(_ request: TargetRequest, _ timeSource: any TimeSource, _ log: Log) {
        self.request = request
        self.timeSource = timeSource
        self.log = log
    }

    /// Forgets all answers, because another server may answer at the address next.
    mutating func forget() {
        answers = [:]
        cache = LlamaCache()
    }

    mutating func complete(_ page: inout EnginePage, _ exchange: TargetExchange) {
        if engine != page.engine.name { forget() }
        engine = page.engine.name
        // A page with several models belongs to a program in front of several servers. It has no such paths.
        guard page.models.count <= 1 else { return }
        var model = page.models.first ?? ModelReading(model: nil)
        let isNamed = model.model != nil
        for detail in page.engine.details {
            if detail == .llamaSlots, model.requestsRunning ?? 0 == 0 {
                model.complete(with: cache.idle)
            } else if let answer = answer(detail, exchange, warns: !isNamed) {
                model.complete(with: answer)
            }
        }
        page.models = model.figures.isEmpty ? [] : [model]
    }

    private mutating func answer(_ detail: EngineDetail, _ exchange: TargetExchange, warns: Bool) -> ModelReading? {
        // As a router, llama.cpp lists all models; the target names the right one.
        if detail == .llamaModels, let model = request.model { return ModelReading(model: model) }
        let now = timeSource.now
        let last = answers[detail]
        if let last, now < last.next { return last.reading }

        let kept: ModelReading?
        let isAskedAgain: Bool
        switch ask(detail, exchange) {
        case .success(let reading):
            kept = reading
            isAskedAgain = detail.isVolatile
            missing.remove(detail)
        case .failure(.noAnswer(.cancelled)):
            return nil
        case .failure(let problem):
            kept = detail.isVolatile ? nil : last?.reading
            isAskedAgain = !problem.isRefusal
            if detail == .llamaSlots, problem.isRefusal { cache.slotsAreRefused() }
            if warns, let purpose = detail.purpose, missing.insert(detail).inserted {
                let place = request.sibling(detail.path).endpoint
                log.warning("The engine at \(place): \(problem); reporting no \(purpose)")
            }
        }
        answers[detail] = Answer(reading: kept, next: isAskedAgain ? now : now + Self.refreshInterval)
        return kept
    }

    private mutating func ask(
        _ detail: EngineDetail,
        _ exchange: TargetExchange
    ) -> Result<ModelReading, TargetProblem> {
        exchange.send(request.sibling(detail.path)).flatMap { answer in
            guard let reading = detail.decode(answer.body, &cache) else { return .failure(.unexpected(answer.body)) }
            return .success(reading)
        }
    }
}
