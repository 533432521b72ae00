// The tracked requests: how many there are, and how they ended.

import GenAISupport

/// Counts and histograms of tracked requests.
///
/// A request's kind is looked up once, when it arrives. Later recordings use its position. Kinds and outcomes are never
/// removed, so that positions stay valid.
struct RequestStore: Sendable {
    /// What the histograms of tokens distinguish.
    private struct Kind: Hashable {
        var model: String
        var operation: String

        // A model has few operations, so hashing its name is enough. Hashing is half of what a lookup costs.
        func hash(into hasher: inout Hasher) { hasher.combine(model) }

        /// Empty names are left out; the request counts even so.
        var attributes: [Attribute] {
            [Attribute("gen_ai.request.model", .string(model)), Attribute("gen_ai.operation.name", .string(operation))]
                .filter { $0.value != .string("") }
        }
    }

    /// Why a request failed.
    enum Failure: Sendable {
        case thrown(any Error.Type)
        /// Dropped without `finish`.
        case abandoned
    }

    /// What counters and durations distinguish.
    private struct Outcome: Hashable {
        var kindPosition: Int
        /// Nil for a request without an error.
        var errorType: String?
    }

    /// The values for a snapshot, without the indexes.
    struct Values: Sendable {
        /// The attributes of each kind.
        var kinds: PagedArray<[Attribute]>
        var outcomeAttributes: PagedArray<[Attribute]>
        var counts: PagedArray<Int>
        var duration: HistogramTable
        var timeToFirstToken: HistogramTable
        var timePerOutputToken: HistogramTable
    }

    var running = 0
    var waiting = 0
    /// The value is the position of the outcome without an error; nil before the first such request.
    private var kinds: SeriesTable<Kind, Int?>
    /// The value is the number of requests.
    private var outcomes: SeriesTable<Outcome, Int>
    private var duration: HistogramTable
    private var timeToFirstToken: HistogramTable
    private var timePerOutputToken: HistogramTable
    /// Names of error types, because making one allocates. A program has few of them.
    private var errorTypes: [ObjectIdentifier: String] = [:]

    /// - Parameters:
    ///   - limit: the most kinds, and the most outcomes.
    ///   - isExponential: whether values are counted in exponential buckets too.
    init(limit: Int, isExponential: Bool = false) {
        func table(_ bounds: [Double]) -> HistogramTable {
            HistogramTable(bounds: bounds, isExponential: isExponential)
        }
        duration = table(HistogramTable.requestDuration)
        timeToFirstToken = table(HistogramTable.timeToFirstToken)
        timePerOutputToken = table(HistogramTable.timePerOutputToken)
        kinds = SeriesTable(limit: limit)
        outcomes = SeriesTable(limit: limit)
    }

    var values: Values {
        Values(
            kinds: kinds.series.attributes,
            outcomeAttributes: outcomes.series.attributes,
            counts: outcomes.series.values,
            duration: duration,
            timeToFirstToken: timeToFirstToken,
            timePerOutputToken: timePerOutputToken
        )
    }

    /// The position of a kind, for the calls below. The names must have been cut to an attribute's length.
    mutating func kindPosition(_ model: String, _ operation: String) -> Int {
        kinds.position(of: Kind(model: model, operation: operation), initial: nil, attributes: \.attributes)
    }

    /// Whether a kind is beyond the cardinality limit.
    func isOverflow(kindPosition: Int) -> Bool { kindPosition == kinds.overflowPosition }

    mutating func recordFirstToken(nanoseconds: UInt64, kindPosition: Int) {
        timeToFirstToken.record(nanoseconds: nanoseconds, in: kindPosition)
    }

    mutating func recordTimePerOutputToken(nanoseconds: UInt64, kindPosition: Int) {
        timePerOutputToken.record(nanoseconds: nanoseconds, in: kindPosition)
    }

    /// Counts a request that has ended.
    ///
    /// - Returns: whether its outcome is beyond the cardinality limit.
    mutating func recordEnd(nanoseconds: UInt64, kindPosition: Int, failure: Failure?) -> Bool {
        let position = outcomePosition(kindPosition, failure)
        outcomes[position] = outcomes[position].addingAsCount(1)
        duration.record(nanoseconds: nanoseconds, in: position)
        return position == outcomes.overflowPosition
    }

    private mutating func outcomePosition(_ kindPosition: Int, _ failure: Failure?) -> Int {
        if failure == nil, let known = kinds[kindPosition] { return known }
        // If the kind is beyond the limit, so is every outcome.
        guard !isOverflow(kindPosition: kindPosition) else { return outcomes.sharedPosition(initial: 0) }
        let outcome = Outcome(kindPosition: kindPosition, errorType: failure.map { name($0) })
        let attributes = kinds.series.attributes[kindPosition]
        let position = outcomes.position(of: outcome, initial: 0) { outcome in
            attributes + (outcome.errorType.map { [Attribute("error.type", .string($0))] } ?? [])
        }
        if failure == nil { kinds[kindPosition] = position }
        return position
    }

    private mutating func name(_ failure: Failure) -> String {
        switch failure {
        case .abandoned: return "abandoned"
        case .thrown(let type):
            if let known = errorTypes[ObjectIdentifier(type)] { return known }
            let name = Attribute.cut(String(describing: type))
            errorTypes[ObjectIdentifier(type)] = name
            return name
        }
    }
}
