// Recognises the engine of a metrics page and reads its figures.

import GenAISupport

/// The metrics page of a known engine.
package struct EnginePage {
    let engine: Engine
    /// The figures of each model, in the order of the page. Models without figures are left out.
    package internal(set) var models: [ModelReading]

    /// Attribute `engine` of the readings.
    package var engineName: String { engine.name }

    /// Nil if the page is not that of a known engine.
    package init?(_ bytes: [UInt8]) {
        let page = Self.parser.parse(bytes)
        let candidates = Engine.known.filter { $0.isRecognised(in: page) }.map { ($0, $0.models(page)) }
        guard let best = candidates.first(where: { !$0.1.isEmpty }) ?? candidates.first else { return nil }
        (engine, models) = best
    }

    /// One pass over a page finds the metrics of all engines.
    static let parser = PrometheusTextParser(
        metrics: Array(Set(Engine.known.flatMap(\.series).map(\.metric))),
        families: Engine.known.compactMap { if case .prefix(let prefix) = $0.recognition { prefix } else { nil } },
        labels: Array(Set(Engine.known.flatMap(\.labels)))
    )
}

extension Engine {
    fileprivate func isRecognised(in page: PrometheusTextParser.Page) -> Bool {
        switch recognition {
        case .prefix(let prefix): page.families.contains(prefix)
        case .metric(let metric): page.samples.contains { $0.name == metric }
        }
    }

    fileprivate func models(_ page: PrometheusTextParser.Page) -> [ModelReading] {
        var order: [String?] = []
        var samples: [String?: [PrometheusSample]] = [:]
        let metrics = Set(series.map(\.metric))
        for sample in page.samples where metrics.contains(sample.name) {
            let model = modelLabel.flatMap { sample.labels[$0] }
            if samples[model] == nil { order.append(model) }
            samples[model, default: []].append(sample)
        }
        return order.compactMap { model in
            var reading = ModelReading(model: model)
            for (figure, formula) in figures {
                reading.figures[figure] = formula.value(samples[model] ?? [], replicaLabel: replicaLabel)
            }
            return reading.figures.isEmpty ? nil : reading
        }
    }
}
