// The description of a serving engine: one row of the table of engines.

import GenAISupport

/// The meaning of a serving engine's metrics.
struct Engine: Sendable {
    /// Attribute `engine` of the readings.
    let name: String
    /// The beginning of the names of its metrics. A colon in a name counts as an underscore.
    let prefix: String
    /// How the engine is recognised: a page with a metric whose name begins so is its page. By default the prefix.
    let marks: [String]
    /// How each figure is computed, from metrics without the prefix.
    let figures: KeyValuePairs<Figure, Formula>
    /// Requests to other paths, for figures that the page lacks.
    let details: [EngineDetail]
    /// Where to ask for the server's version; nil if it does not tell.
    let version: EngineVersion?
    /// ``figures``, computed from metrics with the prefix. The names are made once, because pages are read often.
    let formulas: [(figure: Figure, formula: Formula)]
    /// The metrics that tell when its counters began.
    let starts: [String]

    init(
        name: String,
        prefix: String,
        marks: [String]? = nil,
        figures: KeyValuePairs<Figure, Formula>,
        details: [EngineDetail] = [],
        version: EngineVersion? = nil
    ) {
        self.name = name
        self.prefix = prefix
        self.marks = marks ?? [prefix]
        self.figures = figures
        self.details = details
        self.version = version
        formulas = figures.map { ($0, $1.adding(prefix: prefix)) }
        starts = formulas.filter { $0.figure.row.kind.isCounter }.flatMap(\.formula.families).map { $0 + "_created" }
    }

    /// A metric, or those of its time series that have certain values of a label.
    struct Series: Sendable, ExpressibleByStringLiteral {
        var metric: String
        var label = ""
        var values: Set<String> = []
        /// Whether the series are those with any other value.
        var isOther = false

        init(stringLiteral metric: String) { self.metric = metric }

        init(_ metric: String, _ label: String, _ values: Set<String>) {
            self.metric = metric
            self.label = label
            self.values = values
        }

        init(_ metric: String, _ label: String, otherThan values: Set<String>) {
            self.init(metric, label, values)
            isOther = true
        }

        func matches(_ parts: [String: String]) -> Bool {
            label.isEmpty || values.contains(parts[label] ?? "") != isOther
        }
    }

    /// How a figure is computed from series.
    enum Formula: Sendable {
        /// The sum of the series that the page has.
        case sum([Series])
        /// The sum of the series; none if one is missing.
        case sumOfAll([Series])
        /// One series minus another.
        case difference(Series, Series)
        /// One series times another.
        case product(Series, Series)
        /// 100 times the largest value of the first series that the page has, and of all `others`.
        case ratio([Series], others: [Series] = [])
        /// 100 times one series divided by another.
        case quotient(Series, by: Series)
        /// The product of the values of labels. The first list whose labels are all there as numbers counts.
        case labels(String, [[String]])
        /// The first of these histograms that the page has, with its bounds and its sum divided by `divisor`.
        case histogram([Histogram], divisor: Double = 1)
    }

    /// A histogram, and the metrics that it consists of.
    struct Histogram: Sendable, ExpressibleByStringLiteral {
        let name, bucket, sum, count: String

        init(stringLiteral name: String) {
            (self.name, bucket, sum, count) = (name, name + "_bucket", name + "_sum", name + "_count")
        }
    }
}

extension Engine {
    /// The names of all samples that its figures are computed from.
    var metrics: [String] {
        formulas.flatMap(\.formula.metrics) + starts
    }
}

extension Engine.Formula {
    /// The names of the samples.
    var metrics: [String] {
        switch self {
        case .histogram(let histograms, _): histograms.flatMap { [$0.bucket, $0.sum, $0.count] }
        default: series.map(\.metric)
        }
    }

    /// The names of the metric families: those of the samples without their suffix.
    var families: [String] {
        switch self {
        case .histogram(let histograms, _): histograms.map(\.name)
        default:
            series.map(\.metric).map { metric in
                let suffix = ["_total", "_sum"].first { metric.hasSuffix($0) }
                return String(metric.dropLast(suffix?.count ?? 0))
            }
        }
    }

    private var series: [Engine.Series] {
        switch self {
        case .sum(let series), .sumOfAll(let series): series
        case .difference(let one, let other), .product(let one, let other), .quotient(let one, let other): [one, other]
        case .ratio(let series, let others): series + others
        case .labels(let metric, _): [Engine.Series(stringLiteral: metric)]
        case .histogram: []
        }
    }
}

extension Engine.Formula {
    /// The formula with the prefix before all names.
    fileprivate func adding(prefix: String) -> Engine.Formula {
        func full(_ series: Engine.Series) -> Engine.Series {
            var series = series
            series.metric = prefix + series.metric
            return series
        }
        return switch self {
        case .sum(let series): .sum(series.map(full))
        case .sumOfAll(let series): .sumOfAll(series.map(full))
        case .difference(let one, let other): .difference(full(one), full(other))
        case .product(let one, let other): .product(full(one), full(other))
        case .ratio(let series, let others): .ratio(series.map(full), others: others.map(full))
        case .quotient(let one, let other): .quotient(full(one), by: full(other))
        case .labels(let metric, let labels): .labels(prefix + metric, labels)
        case .histogram(let histograms, let divisor):
            .histogram(histograms.map { Engine.Histogram(stringLiteral: prefix + $0.name) }, divisor: divisor)
        }
    }
}
