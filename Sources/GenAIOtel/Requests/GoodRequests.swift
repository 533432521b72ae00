// The tracked requests that met an objective.

import GenAISupport

/// Counts, by model and objective, the requests that ended well.
struct GoodRequests: Sendable {
    /// The limits of an objective, in nanoseconds.
    private struct Limits: Sendable {
        var timeToFirstToken: UInt64?
        var timePerOutputToken: UInt64?
        var duration: UInt64?

        init(_ objective: RequestObjective) {
            timeToFirstToken = objective.timeToFirstToken?.nanoseconds
            timePerOutputToken = objective.timePerOutputToken?.nanoseconds
            duration = objective.duration?.nanoseconds
        }

        func holds(_ request: RequestStore.Ending) -> Bool {
            // An unknown time is not within a limit. A single token has no time per output token, so any limit holds.
            let perToken = request.outputTokens.map { $0 < 2 } == true ? 0 : request.timePerOutputToken
            return Self.isWithin(duration, request.duration) && Self.isWithin(timeToFirstToken, request.firstToken)
                && Self.isWithin(timePerOutputToken, perToken)
        }

        private static func isWithin(_ limit: UInt64?, _ time: UInt64?) -> Bool {
            guard let limit else { return true }
            return time.map { $0 <= limit } ?? false
        }
    }

    /// The values for a snapshot.
    struct Values: Sendable {
        fileprivate var objectives: [RequestObjective]
        fileprivate var models: PagedArray<[Attribute]>
        fileprivate var counts: PagedArray<OptionalSum>
    }

    private let objectives: [RequestObjective]
    private let limits: [Limits]
    private var models: SeriesTable<String, Void>
    /// The numbers of good requests. Those of a model stand together, in the order of the objectives. Each begins, at 0 or 1,
    /// when the model's first request ends. The count of all requests begins then too, so both rates begin together.
    private var counts = PagedArray<OptionalSum>()

    init(_ objectives: [RequestObjective], limit: Int) {
        self.objectives = objectives
        limits = objectives.map(Limits.init)
        // Models that an objective names have slots of their own, beside those of the limit.
        let named = Set(objectives.flatMap { $0.models ?? [] }.map(Attribute.cut))
        models = SeriesTable(limit: limit.addingAsCount(named.count))
        for model in named { _ = position(of: model) }
    }

    var values: Values { Values(objectives: objectives, models: models.series.attributes, counts: counts) }

    /// The position of a model, for ``count(_:modelPosition:)``; 0 if there are no objectives.
    mutating func position(of model: String) -> Int {
        guard !objectives.isEmpty else { return 0 }
        let position = models.position(of: model, initial: ()) { model in
            model.isEmpty ? [] : [Attribute("gen_ai.request.model", .string(model))]
        }
        while counts.count < (position + 1) * objectives.count { counts.append(OptionalSum()) }
        return position
    }

    /// Counts a request that has ended.
    mutating func count(_ request: RequestStore.Ending, isSuccess: Bool, modelPosition: Int) {
        for objective in limits.indices {
            let isGood = isSuccess && limits[objective].holds(request)
            counts[modelPosition * limits.count + objective].add(isGood ? 1 : 0)
        }
    }
}

extension GoodRequests.Values {
    /// One point for each objective and each of its models of which a request has ended.
    func points(start: UInt64) -> [NumberPoint] {
        models.indices.flatMap { model in
            objectives.indices.compactMap { index -> NumberPoint? in
                let (objective, attributes) = (objectives[index], models[model])
                guard let count = counts[model * objectives.count + index].value,
                    objective.isFor(attributes.first?.value)
                else { return nil }
                let name = Attribute("gen_ai.server.objective", .string(Attribute.cut(objective.name)))
                return NumberPoint([name] + attributes, .int(count), start: start)
            }
        }
    }
}

extension RequestObjective {
    fileprivate func isFor(_ model: AttributeValue?) -> Bool {
        guard let models else { return true }
        guard case .string(let model) = model else { return false }
        return models.contains { Attribute.cut($0) == model }
    }
}

extension Duration {
    /// Clamped to 0 through `UInt64.max`.
    fileprivate var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product.addingSaturated(UInt64(max(attoseconds, 0) / 1_000_000_000))
    }
}
