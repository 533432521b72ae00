// What there is to know about a serving engine: one value of this type is one row of the table of engines.

/// Which metrics of a serving engine mean what.
struct Engine: Sendable {
    /// Attribute `engine` of the readings.
    var name: String
    /// What a page shows that is this engine's.
    var mark: Mark
    /// The label that names the model; nil where the engine serves one model and does not name it.
    var modelLabel: String?
    /// The label that tells replicas apart. Series that agree in it are views of one replica (ranks of one model), and
    /// the largest counts. Nil: each series is a replica.
    var replicaLabel: String?
    var kvUsage: KVUsage?
    /// Counts of one replica are the sum of these; replicas are summed.
    var running: [Series]
    var waiting: [Series]
    var max: [Series] = []
    /// What the page does not tell and another path of the server does.
    var details: [EngineDetail] = []

    enum Mark: Sendable {
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

    /// How KV-cache usage is told; always as a share of 1, whatever a metric's name says.
    enum KVUsage: Sendable {
        /// By the largest value of the first of these groups that the page has any series of: names that came one after
        /// another are groups of their own, so that a version with both is read once.
        case ratio([[Series]])
        /// By one series divided by another.
        case quotient(Series, by: Series)
    }
}

extension Engine {
    /// Every series that the engine's figures are made of.
    var series: [Series] {
        let kvSeries: [Series] =
            switch kvUsage {
            case .ratio(let groups): groups.flatMap(\.self)
            case .quotient(let dividend, let divisor): [dividend, divisor]
            case nil: []
            }
        return kvSeries + running + waiting + max
    }

    /// Every label that the engine's figures depend on.
    var labels: [String] {
        [modelLabel, replicaLabel].compactMap(\.self) + series.compactMap(\.label?.name)
    }
}
