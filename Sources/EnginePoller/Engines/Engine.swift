// What there is to know about a serving engine: one value of this type is one row of the table of engines.

import GenAISupport

/// Which metrics of a serving engine mean what.
struct Engine: Sendable {
    /// Attribute `engine` of the readings.
    var name: String
    var recognition: Recognition
    /// The label that names the model; nil where the engine serves one model and does not name it.
    var modelLabel: String?
    /// The label that tells replicas apart. Series that agree in it are views of one replica (ranks of one model), and
    /// the largest counts. Nil: each series is a replica.
    var replicaLabel: String?
    /// Where each figure comes from.
    var figures: KeyValuePairs<Figure, Formula>
    /// What the page does not tell and another path of the server does.
    var details: [EngineDetail] = []

    /// How the engine is recognised.
    enum Recognition: Sendable {
        /// Some metric's name begins with this.
        case prefix(String)
        /// There is a sample of this metric.
        case metric(String)
    }

    /// A metric, or those of its series that have a certain label value.
    struct Series: Sendable, ExpressibleByStringLiteral {
        var metric: String
        var label: (name: String, value: String)?

        init(_ metric: String, _ label: String, _ value: String) {
            self.metric = metric
            self.label = (label, value)
        }

        init(stringLiteral metric: String) {
            self.metric = metric
        }

        func matches(_ sample: PrometheusSample) -> Bool {
            guard sample.name == metric else { return false }
            guard let label else { return true }
            return sample.labels[label.name] == label.value
        }
    }

    /// How a figure is made of series.
    enum Formula: Sendable {
        /// A count of one replica is the sum of these.
        case count([Series])
        /// A percentage is a hundred times the largest value of the first of these groups that the page has any series of.
        /// Names that came one after another are groups of their own, so that a version with both is read once.
        case ratio([[Series]])
        /// A percentage is a hundred times one series divided by another.
        case quotient(Series, by: Series)
    }
}

extension Engine {
    /// Every series that the engine's figures are made of.
    var series: [Series] { figures.flatMap(\.value.series) }

    /// Every label that the engine's figures depend on.
    var labels: [String] {
        [modelLabel, replicaLabel].compactMap(\.self) + series.compactMap(\.label?.name)
    }
}

extension Engine.Formula {
    var series: [Engine.Series] {
        switch self {
        case .count(let series): series
        case .ratio(let groups): groups.flatMap(\.self)
        case .quotient(let dividend, let divisor): [dividend, divisor]
        }
    }

    /// The figure's value; nil if the samples do not tell.
    func value(_ samples: [PrometheusSample], replicaLabel: String?) -> FigureValue? {
        switch self {
        case .count(let series):
            let counts = series.flatMap { series in
                Self.replicas(samples.filter(series.matches), replicaLabel).map { Int(countNearest: $0) }
            }
            return counts.isEmpty ? nil : .int(counts.reduce(0) { $0.addingAsCount($1) })
        case .ratio(let groups):
            let ratio = groups.lazy.compactMap { group in
                samples.filter { sample in group.contains { $0.matches(sample) } }.map(\.value).max()
            }.first
            return ratio.map(Self.percentage)
        case .quotient(let dividend, let divisor):
            guard let used = samples.first(where: dividend.matches), let limit = samples.first(where: divisor.matches),
                limit.value > 0
            else { return nil }
            return Self.percentage(used.value / limit.value)
        }
    }

    private static func percentage(_ ratio: Double) -> FigureValue { .double(min(max(ratio * 100, 0), 100)) }

    /// One value for each replica.
    private static func replicas(_ samples: [PrometheusSample], _ label: String?) -> [Double] {
        guard let label else { return samples.map(\.value) }
        var largest: [String: Double] = [:]
        for sample in samples {
            largest[sample.labels[label] ?? ""] = max(largest[sample.labels[label] ?? ""] ?? 0, sample.value)
        }
        return Array(largest.values)
    }
}
