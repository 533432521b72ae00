// What it costs to track one request: arrival, first token, end.

import GenAIOtel
import RuntimeSupport

func measureRequestTracking() {
    let metrics = ServerMetricsCollector(cardinalityLimit: 2000, log: Log())
    let model = "meta-llama/Llama-3.1-8B-Instruct"
    report("request: trackRequest, empty body", iterations: 1_000_000) {
        metrics.trackRequest(model: model) { _ in }
    }
    report("request: trackRequest, first token, finish", iterations: 1_000_000) {
        metrics.trackRequest(model: model) { request in
            request.firstToken()
            request.finish(outputTokens: 100)
        }
    }
    report("request: enqueue, start, first token, finish", iterations: 1_000_000) {
        let request = metrics.enqueueRequest(model: model)
        request.start()
        request.firstToken()
        request.finish(outputTokens: 100)
    }
    report("request: trackRequest, body throws", iterations: 1_000_000) {
        try? metrics.trackRequest(model: model) { _ in throw CancellationError() }
    }
    measureFirstRecordAfterSnapshot()
}

/// The first request after a snapshot copies what the snapshot shares with the collector.
private func measureFirstRecordAfterSnapshot() {
    let metrics = ServerMetricsCollector(cardinalityLimit: 10_000, log: Log())
    let models = (0..<10_000).map { "model-\($0)" }
    for model in models {
        metrics.trackRequest(model: model) { request in
            request.firstToken()
            request.finish(outputTokens: 100)
        }
    }
    var snapshots: [MetricSnapshot] = []
    report(
        "request: the first one after a snapshot of 10 000 series",
        iterations: 20,
        prepare: { snapshots = [metrics.snapshot(time: 1)] }
    ) {
        metrics.trackRequest(model: models[5_000]) { request in
            request.firstToken()
            request.finish(outputTokens: 100)
        }
    }
    withExtendedLifetime(snapshots) {}
}
