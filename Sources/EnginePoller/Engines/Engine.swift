// The description of a serving engine: one row of the table of engines.

import GenAISupport

/// The meaning of a serving engine's metrics.
struct Engine: Sendable {
    /// Attribute `engine` of the readings.
    var name: String
    var recognition: Recognition
    /// The label that names the model; nil where the engine serves one model and does not name it.
    var modelLabel: String?
    /// The label that distinguishes replicas. Series with the same value are views of one replica (ranks of one model);
    /// the largest counts. Nil: each series is a replica.
    var replicaLabel: String?
    /// How each figure is computed.
    var figures: KeyValuePairs<Figure, Formula>
    /// Figures that the page lacks and other paths of the server have.
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

    /// How a figure is computed from series.
    enum Formula: Sendable {
        /// The sum of these series.
        case count([Series])
        /// 100 times the largest value of the first group that the page has any series of. A metric's old and new names
        /// are separate groups, so that a version with both is read once.
        case ratio([[Series]])
        /// 100 times one series divided by another.
        case quotient(Series, by: Series)
    }
}

extension Engine {
    /// All series that the engine's figures use.
    var series: [Series] { figures.flatMap(\.value.series) }

    /// All labels that the engine's figures use.
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

    /// The figure's value; nil if the samples lack it.
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
