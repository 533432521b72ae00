// Recognises the engine of a metrics page and reads its figures.

import Foundation
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
        let page = PrometheusPage(bytes, Self.names)
        let candidates = Engine.known.filter { $0.isRecognised(in: page) }
        var first: (Engine, [ModelReading])?
        for engine in candidates {
            let models = EngineSamples(engine: engine, page: page).models
            if first == nil || !models.isEmpty { first = (engine, models) }
            if !models.isEmpty { break }
        }
        guard let first else { return nil }
        (engine, models) = first
    }

    /// One pass over a page finds the metrics of all engines.
    static let names = MetricNames(
        metrics: Array(Set(Engine.known.flatMap(\.metrics) + [EngineSamples.processStart])),
        prefixes: Engine.known.flatMap(\.marks)
    )
}

extension Engine {
    fileprivate func isRecognised(in page: PrometheusPage) -> Bool {
        marks.contains { page.hasPrefix($0) }
    }
}

extension EngineSamples {
    var models: [ModelReading] {
        var figures = [Figures](repeating: Figures(), count: page.labels.replicas.count)
        for (figure, formula) in engine.formulas {
            for (replica, value) in values(of: formula, figure.row.kind) { figures[replica][figure] = value }
        }
        let starts = startTimes
        var models: [ModelReading] = []
        var positions: [String?: Int] = [:]
        for (index, replica) in page.labels.replicas.enumerated() where !figures[index].isEmpty {
            let position = positions[replica.model] ?? models.count
            if position == models.count {
                positions[replica.model] = position
                models.append(ModelReading(model: replica.model, figures: figures[index]))
            } else {
                models[position].figures = models[position].figures.merged(with: figures[index])
            }
            let counters = figures[index].counters
            guard !counters.isEmpty else { continue }
            models[position].replicas.append(
                ReplicaCounters(
                    name: replica.name,
                    startTime: starts[index],
                    figures: counters
                )
            )
        }
        return models.map(\.withoutUnmergeable).givingNamelessFiguresToTheOnlyModel
    }
}

extension ModelReading {
    /// Without histograms whose replicas have different bounds.
    fileprivate var withoutUnmergeable: ModelReading {
        var result = self
        result.figures = figures.clamped
        guard result.figures != figures else { return self }
        for index in result.replicas.indices {
            result.replicas[index].figures = replicas[index].figures.compactMap { figure, value in
                result.figures[figure] == nil ? nil : value
            }
        }
        return result
    }
}

extension [ModelReading] {
    /// Some metrics lack the label of the model. If the page has only one model, they belong to it.
    fileprivate var givingNamelessFiguresToTheOnlyModel: [ModelReading] {
        guard count == 2, let nameless = firstIndex(where: { $0.model == nil }) else { return self }
        var model = self[1 - nameless]
        let missing = self[nameless].figures.compactMap { figure, value in model.figures[figure] == nil ? value : nil }
        model.figures = model.figures.completed(with: missing)
        for replica in self[nameless].replicas {
            var replica = replica
            replica.figures = replica.figures.compactMap { figure, value in missing[figure] == nil ? nil : value }
            if !replica.figures.isEmpty { model.replicas.append(replica) }
        }
        return [model]
    }
}
