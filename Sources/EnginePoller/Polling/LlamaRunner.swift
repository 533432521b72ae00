// llama.cpp's server as the child of another program. By default it has no metrics page.

import Foundation
import GenAISupport

/// Reads one llama.cpp server on this machine's loopback: its slots, and its metrics page where it has one.
package struct LlamaRunner {
    private let request: TargetRequest
    private let slotsRequest: HTTPRequest
    private let timeSource: any TimeSource
    private var cache = LlamaCache(hasParts: true)
    /// When refused requests are sent again; nil if nothing was refused.
    private var nextSlots: ContinuousClock.Instant?
    private var nextPage: ContinuousClock.Instant?

    /// Nil if the port is not valid.
    ///
    /// - Parameter port: the server's port on 127.0.0.1.
    package init?(port: Int, timeSource: any TimeSource) {
        guard let url = URL(string: "http://127.0.0.1:\(port)"),
            let request = TargetRequest.requests(for: [EngineTarget(url: url)]).requests.first
        else { return nil }
        self.request = request
        slotsRequest = request.sibling(EngineDetail.llamaSlots.path)
        self.timeSource = timeSource
    }

    /// The server's figures; nil if it does not answer, or has no slots.
    package mutating func read(
        _ transport: any HTTPTransport,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> ModelReading? {
        if let nextSlots, timeSource.now < nextSlots { return nil }
        let exchange = TargetExchange(transport: transport, deadline: deadline, cancellation: cancellation)
        switch readSlots(exchange) {
        case .success(let slots):
            var model = readPage(exchange) ?? ModelReading(model: nil)
            model.complete(with: slots)
            return model
        case .failure(let problem):
            if problem.isRefusal { nextSlots = timeSource.now + DetailReader.refreshInterval }
            return nil
        }
    }

    private mutating func readSlots(_ exchange: TargetExchange) -> Result<ModelReading, TargetProblem> {
        exchange.send(slotsRequest).flatMap { answer in
            guard let slots = EngineDetail.llamaSlots.decode(answer.body, &cache) else {
                return .failure(.unexpected(answer.body))
            }
            return .success(slots)
        }
    }

    private mutating func readPage(_ exchange: TargetExchange) -> ModelReading? {
        if let nextPage, timeSource.now < nextPage { return nil }
        switch exchange.readPage(request) {
        case .success(let page):
            return page.engine.name == Engine.llamaCpp.name ? page.models.first : nil
        case .failure(let problem):
            if problem.isRefusal { nextPage = timeSource.now + DetailReader.refreshInterval }
            return nil
        }
    }
}
