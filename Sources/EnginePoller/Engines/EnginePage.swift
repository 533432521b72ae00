// From a metrics page to an engine and its figures.

/// A metrics page that was recognised as an engine's.
struct EnginePage {
    var engine: Engine
    /// The figures of each model, in the order of the page. A model without a single figure has no entry.
    var models: [ModelReading]

    /// Nil if the page shows no mark of a known engine.
    init?(_ bytes: [UInt8]) {
        let page = Self.parser.parse(bytes)
        let marked = Engine.known.filter { $0.marks(page) }.map { EnginePage(engine: $0, models: $0.models(page)) }
        guard let page = marked.first(where: { !$0.models.isEmpty }) ?? marked.first else { return nil }
        self = page
    }

    private init(engine: Engine, models: [ModelReading]) {
        self.engine = engine
        self.models = models
    }

    /// One pass over a page finds whatever any of the engines shows.
    static let parser = PrometheusTextParser(
        metrics: Array(Set(Engine.known.flatMap(\.series).map(\.metric))),
        families: Engine.known.compactMap { if case .prefix(let prefix) = $0.mark { prefix } else { nil } },
        labels: Array(Set(Engine.known.flatMap(\.labels)))
    )
}

extension Engine {
    fileprivate func marks(_ page: PrometheusTextParser.Page) -> Bool {
        switch mark {
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
            let own = samples[model] ?? []
            let reading = ModelReading(
                model: model,
                kvCacheUsage: kvUsage?.percent(own),
                requestsRunning: count(running, own),
                requestsWaiting: count(waiting, own),
                requestsMax: count(max, own)
            )
            return reading == ModelReading(model: model) ? nil : reading
        }
    }

    /// The sum of the series over all replicas; nil if there is none of them.
    private func count(_ series: [Series], _ samples: [PrometheusSample]) -> Int? {
        let counts = series.compactMap { series -> Int? in
            let values = samples.filter(series.matches)
            guard let replicaLabel else { return values.map { Int(clamping: $0.value) }.saturatingSum() }
            let replicas = Dictionary(grouping: values) { $0.labels[replicaLabel] ?? "" }
            return replicas.values.compactMap { $0.map { Int(clamping: $0.value) }.max() }.saturatingSum()
        }
        return counts.saturatingSum()
    }
}

extension Engine.KVUsage {
    fileprivate func percent(_ samples: [PrometheusSample]) -> Double? {
        guard let ratio = ratio(samples) else { return nil }
        return min(max(ratio * 100, 0), 100)
    }

    private func ratio(_ samples: [PrometheusSample]) -> Double? {
        switch self {
        case .ratio(let groups):
            groups.lazy.compactMap { group in
                samples.filter { sample in group.contains { $0.matches(sample) } }.map(\.value).max()
            }.first
        case .quotient(let dividend, let divisor):
            if let used = samples.first(where: dividend.matches), let limit = samples.first(where: divisor.matches),
                limit.value > 0
            {
                used.value / limit.value
            } else {
                nil
            }
        }
    }
}

extension Int {
    /// The nearest number of requests: 0 for what is negative, the largest for what is too large.
    init(clamping value: Double) {
        self = value <= 0 ? 0 : Int(exactly: value.rounded()) ?? .max
    }
}

extension [Int] {
    /// Nil if there is nothing to sum.
    fileprivate func saturatingSum() -> Int? {
        guard let first else { return nil }
        return dropFirst().reduce(first) { sum, next in
            let (result, overflow) = sum.addingReportingOverflow(next)
            return overflow ? .max : result
        }
    }
}
