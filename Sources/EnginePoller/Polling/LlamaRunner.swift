// llama.cpp's server as the child of another program, which has no metrics page by default.

import Foundation
import GenAISupport

/// Reads one llama.cpp server on this machine's loopback: its slots, and its metrics page where it has one.
package struct LlamaRunner {
    private let request: TargetRequest
    private let timeSource: any TimeSource
    private var cache = LlamaCache(hasParts: true)
    /// When a page that was refused is asked for again.
    private var nextPage: ContinuousClock.Instant?

    /// - Parameter port: on 127.0.0.1; nil is returned for one that is none.
    package init?(port: Int, timeSource: any TimeSource) {
        guard let url = URL(string: "http://127.0.0.1:\(port)"),
            let request = TargetRequest.requests(for: [EngineTarget(url: url)]).requests.first
        else { return nil }
        self.request = request
        self.timeSource = timeSource
    }

    /// The figures that it tells, without KV usage; nil if it does not answer.
    package mutating func read(
        _ transport: any HTTPTransport,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> ModelReading? {
        let exchange = TargetExchange(transport: transport, deadline: deadline, cancellation: cancellation)
        guard case .success(let slots) = exchange.send(request.sibling(EngineDetail.llamaSlots.path)),
            let detail = EngineDetail.llamaSlots.decode(slots.body, &cache)
        else { return nil }
        var model = readPage(exchange) ?? ModelReading(model: nil)
        model.complete(with: detail)
        model.kvCacheUsage = nil
        return model
    }

    private mutating func readPage(_ exchange: TargetExchange) -> ModelReading? {
        if let nextPage, timeSource.now < nextPage { return nil }
        switch exchange.readPage(request) {
        case .success(let page):
            return page.models.first
        case .failure(let problem):
            if problem.isRefusal { nextPage = timeSource.now + DetailReader.refreshInterval }
            return nil
        }
    }
}
