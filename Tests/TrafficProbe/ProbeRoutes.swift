// What the probe does with a request.

import Foundation
import GenAIOtel
import TestSupport

/// The routes of the probe. Parameters stand in the query.
///
/// - `GET /metrics`: the Prometheus text.
/// - `POST /gauges?running=3&waiting=2&max=8&kv.llama=72.5`: sets those gauges; the KV usage by model.
/// - `POST /requests?model=llama&succeeded=9&failed=1`: so many tracked requests begin and end;
///   `error` names the error.
struct ProbeRoutes: Sendable {
    let instrumentation: GenAIInstrumentation

    @Sendable
    func answer(_ request: ReceivedRequest) -> LoopbackAnswer {
        let parts = URLComponents(string: request.target)
        let items = (parts?.queryItems ?? []).map { ($0.name, $0.value ?? "") }
        let parameters = Dictionary(items, uniquingKeysWith: { $1 })
        switch (request.method, parts?.path) {
        case ("GET", "/metrics"):
            let type = ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"]
            return .response(200, headers: type, body: Data(instrumentation.prometheusText().utf8))
        case ("POST", "/gauges"):
            setGauges(parameters)
            return .response(204)
        case ("POST", "/requests"):
            serveRequests(parameters)
            return .response(204)
        default:
            return .response(404)
        }
    }

    private func setGauges(_ parameters: [String: String]) {
        let metrics = instrumentation.serverMetrics
        if let count = parameters["running"].flatMap({ Int($0) }) { metrics.setRequestsRunning(count) }
        if let count = parameters["waiting"].flatMap({ Int($0) }) { metrics.setRequestsWaiting(count) }
        if let count = parameters["max"].flatMap({ Int($0) }) { metrics.setRequestsMax(count) }
        for (name, value) in parameters where name.hasPrefix("kv.") {
            if let percent = Double(value) {
                metrics.setKVCacheUsage(model: String(name.dropFirst(3)), percent: percent)
            }
        }
    }

    private func serveRequests(_ parameters: [String: String]) {
        func serve(_ count: String?, _ outcome: ServerRequest.Outcome) {
            for _ in 0..<(count.flatMap { Int($0) } ?? 0) {
                let request = instrumentation.serverMetrics.enqueueRequest(model: parameters["model"] ?? "")
                request.start()
                request.markFirstToken()
                request.finish(inputTokens: 40, outputTokens: 20, cachedInputTokens: 10, outcome: outcome)
            }
        }
        serve(parameters["succeeded"], .success)
        serve(parameters["failed"], .failure(errorType: parameters["error"] ?? "Overloaded"))
    }
}
