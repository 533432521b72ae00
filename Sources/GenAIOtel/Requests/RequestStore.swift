// The tracked requests: how many there are, and how they ended.

import GenAISupport

/// Counts and histograms of tracked requests.
///
/// A request's kind is looked up once, when it arrives. Later recordings use its place. Kinds and outcomes are never
/// removed, so that positions stay valid.
struct RequestStore: Sendable {
    /// The attributes that all figures of tracked requests have.
    struct Kind: Hashable {
        // No longer than an attribute can be.
        var model: String
        var operation: String
        /// The application's own attributes: the values of the keys that are allowed, in their order.
        var own: [String] = []

        // The operation is not hashed: a model has few of them, but it may have thousands of tenants.
        func hash(into hasher: inout Hasher) {
            hasher.combine(model)
            for value in own { hasher.combine(value) }
        }
    }

    /// Where the figures of a request are.
    struct Place {
        fileprivate(set) var kind: Int
        /// Position of the model among those that have objectives.
        fileprivate(set) var model: Int
    }

    /// The numbers of a request at its end.
    struct Ending {
        var inputTokens: Int?
        var cachedInputTokens: Int?
        /// The total, including those that were counted before the end.
        var outputTokens: Int?
        /// The part of ``outputTokens`` that has not been counted yet.
        var uncountedOutputTokens = 0
        /// From the arrival to the first token and to the end, in nanoseconds.
        var firstToken: UInt64?
        var duration: UInt64 = 0

        /// Numbers below 0 are left out.
        init(_ inputTokens: Int? = nil, _ outputTokens: Int? = nil, _ cachedInputTokens: Int? = nil) {
            func count(_ number: Int?) -> Int? { number.flatMap { $0 < 0 ? nil : $0 } }
            self.inputTokens = count(inputTokens)
            self.outputTokens = count(outputTokens)
            self.cachedInputTokens = count(cachedInputTokens)
        }

        /// In nanoseconds; nil where it is not known.
        var timePerOutputToken: UInt64? {
            guard let firstToken, let outputTokens, outputTokens >= 2 else { return nil }
            return duration.subtractingSaturated(firstToken) / UInt64(outputTokens - 1)
        }
    }

    /// Why a request failed.
    enum Failure: Sendable {
        case thrown(any Error.Type)
        /// No longer than an attribute can be.
        case named(String)
    }

    /// The attributes that counters and durations have.
    private struct Outcome: Hashable {
        var kindPosition: Int
        /// Nil for a request without an error.
        var errorType: String?
        var responseModel: String?
    }

    /// The positions that are looked up once for each kind.
    private struct KindValue {
        /// The newest outcome without an error, by the response's model; mostly there is one.
        var success: (responseModel: String?, position: Int)?
        var model: Int
    }

    /// The values for a snapshot, without the indexes.
    struct Values: Sendable {
        /// The attributes of each kind.
        var kinds: PagedArray<[Attribute]>
        var outcomeAttributes: PagedArray<[Attribute]>
        var counts: PagedArray<Int>
        var tokens: PagedArray<TokenCounts>
        var duration: HistogramTable
        var queueTime: HistogramTable
        var timeToFirstToken: HistogramTable
        var timePerOutputToken: HistogramTable
        var good: GoodRequests.Values
    }

    var running = 0
    var waiting = 0
    private let providerName: String?
    private let ownKeys: [String]
    private var kinds: SeriesTable<Kind, KindValue>
    /// The last lookup. Many servers have one model, and hashing its name is a noticeable part of a request's cost.
    private var newest: (kind: Kind, place: Place)?
    /// The value is the number of requests.
    private var outcomes: SeriesTable<Outcome, Int>
    /// By the position of the kind, as are the queue time and the time to first token.
    private var tokens = PagedArray<TokenCounts>()
    private var queueTime: HistogramTable
    private var timeToFirstToken: HistogramTable
    /// By the position of the outcome, as is the time per output token.
    private var duration: HistogramTable
    private var timePerOutputToken: HistogramTable
    private var good: GoodRequests
    /// The names of error types, kept because making one allocates. A program has few of them.
    private var errorTypes: [ObjectIdentifier: String] = [:]

    /// - Parameters:
    ///   - limit: the most kinds, and the most outcomes.
    ///   - isExponential: whether times are counted in exponential buckets too.
    init(_ configuration: RequestConfiguration, limit: Int, isExponential: Bool) {
        func table(_ bounds: [Double]) -> HistogramTable {
            HistogramTable(bounds: bounds, isExponential: isExponential)
        }
        providerName = configuration.providerName.map(Attribute.cut)
        ownKeys = configuration.allowedAttributes
        duration = table(configuration.durationBounds)
        queueTime = table(configuration.durationBounds)
        timeToFirstToken = table(configuration.timeToFirstTokenBounds)
        timePerOutputToken = table(configuration.timePerOutputTokenBounds)
        kinds = SeriesTable(limit: limit)
        outcomes = SeriesTable(limit: limit)
        good = GoodRequests(configuration.objectives, limit: limit)
    }

    var values: Values {
        Values(
            kinds: kinds.series.attributes,
            outcomeAttributes: outcomes.series.attributes,
            counts: outcomes.series.values,
            tokens: tokens,
            duration: duration,
            queueTime: queueTime,
            timeToFirstToken: timeToFirstToken,
            timePerOutputToken: timePerOutputToken,
            good: good.values
        )
    }

    /// The place of a kind, for the calls below.
    mutating func place(of kind: Kind) -> Place {
        if let newest, newest.kind == kind { return newest.place }
        let place = kinds.knownPosition(of: kind).map { Place(kind: $0, model: kinds[$0].model) } ?? newPlace(of: kind)
        newest = (kind, place)
        return place
    }

    private mutating func newPlace(of kind: Kind) -> Place {
        // Kinds beyond the limit share a position, but may be of several models.
        let model = good.position(of: kind.model)
        let (providerName, ownKeys) = (providerName, ownKeys)
        let position = kinds.position(of: kind, initial: KindValue(success: nil, model: model)) { kind in
            Self.attributes(
                [
                    ("gen_ai.request.model", kind.model), ("gen_ai.operation.name", kind.operation),
                    ("gen_ai.provider.name", providerName),
                ] + zip(ownKeys, kind.own).map { ($0, $1) }
            )
        }
        while tokens.count <= position { tokens.append(TokenCounts()) }
        return Place(kind: position, model: model)
    }

    /// Whether a kind is beyond the cardinality limit.
    func isOverflow(_ place: Place) -> Bool { isOverflow(place.kind) }

    private func isOverflow(_ kindPosition: Int) -> Bool { kindPosition == kinds.overflowPosition }

    mutating func recordQueueTime(_ nanoseconds: UInt64, at place: Place, _ exemplar: ExemplarTable.Source?) {
        queueTime.record(nanoseconds: nanoseconds, in: place.kind, exemplar: exemplar)
    }

    mutating func recordFirstToken(_ nanoseconds: UInt64, at place: Place, _ exemplar: ExemplarTable.Source?) {
        timeToFirstToken.record(nanoseconds: nanoseconds, in: place.kind, exemplar: exemplar)
    }

    mutating func recordOutputTokens(_ count: Int, at place: Place) {
        tokens[place.kind].output.add(count)
    }

    /// Counts a request that has ended.
    ///
    /// - Parameter responseModel: no longer than an attribute can be.
    /// - Returns: whether its outcome is beyond the cardinality limit.
    mutating func recordEnd(
        _ ending: Ending,
        _ failure: Failure?,
        responseModel: String?,
        at place: Place,
        _ exemplar: ExemplarTable.Source?
    ) -> Bool {
        let position = outcomePosition(place.kind, failure, responseModel)
        outcomes[position] = outcomes[position].addingAsCount(1)
        duration.record(nanoseconds: ending.duration, in: position, exemplar: exemplar)
        if ending.inputTokens != nil || ending.outputTokens != nil { tokens[place.kind].add(ending) }
        if failure == nil {
            if let time = ending.timePerOutputToken {
                timePerOutputToken.record(nanoseconds: time, in: position, exemplar: exemplar)
            }
        }
        good.count(ending, isSuccess: failure == nil, modelPosition: place.model)
        return position == outcomes.overflowPosition
    }

    private mutating func outcomePosition(_ kindPosition: Int, _ failure: Failure?, _ responseModel: String?) -> Int {
        if failure == nil, let known = kinds[kindPosition].success, known.responseModel == responseModel {
            return known.position
        }
        // If the kind is beyond the limit, so is every outcome.
        guard !isOverflow(kindPosition) else { return outcomes.sharedPosition(initial: 0) }
        let outcome = Outcome(
            kindPosition: kindPosition,
            errorType: failure.map { name($0) },
            responseModel: responseModel
        )
        let attributes = kinds.series.attributes[kindPosition]
        let position = outcomes.position(of: outcome, initial: 0) { outcome in
            attributes
                + Self.attributes([
                    ("gen_ai.response.model", outcome.responseModel), ("error.type", outcome.errorType),
                ])
        }
        if failure == nil { kinds[kindPosition].success = (responseModel, position) }
        return position
    }

    private mutating func name(_ failure: Failure) -> String {
        switch failure {
        case .named(let name): return name
        case .thrown(let type):
            if let known = errorTypes[ObjectIdentifier(type)] { return known }
            let name = Attribute.cut(String(describing: type))
            errorTypes[ObjectIdentifier(type)] = name
            return name
        }
    }

    /// Leaves out empty texts. The request counts without them.
    private static func attributes(_ texts: [(key: String, value: String?)]) -> [Attribute] {
        texts.compactMap { text in
            text.value.flatMap { $0.isEmpty ? nil : Attribute(text.key, .string($0)) }
        }
    }
}
