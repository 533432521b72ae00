// What the collector knows of tracked requests: how many there are, and how those ended that have.

/// Counts and histograms of tracked requests.
///
/// A request's kind is looked up once, when it arrives; what is recorded later goes straight to that kind's numbers. Kinds
/// and outcomes are never removed, so that their positions stay valid.
struct RequestStore: Sendable {
    /// What the histograms of tokens tell apart.
    struct Kind: SeriesKey {
        var model: String
        var operation: String

        var quickHash: UInt64 { Self.quickHash(model, operation) }

        static func quickHash(_ model: String, _ operation: String) -> UInt64 {
            model.quickHash ^ operation.quickHash.quicklyMixed
        }

        /// Cut to what an attribute may hold.
        init(model: String, operation: String) {
            self.model = Attribute.cut(model)
            self.operation = Attribute.cut(operation)
        }

        /// An empty name is left out: the request counts all the same.
        fileprivate var attributes: [Attribute] {
            [Attribute("gen_ai.request.model", .string(model)), Attribute("gen_ai.operation.name", .string(operation))]
                .filter { $0.value != .string("") }
        }
    }

    /// How a request that did not end well did end.
    enum Failure: Sendable {
        case thrown(any Error.Type)
        /// Dropped without `finish`.
        case abandoned
    }

    /// What counters and durations tell apart.
    struct Outcome: SeriesKey {
        /// Position in the table of kinds.
        var kind: Int
        /// Nil for a request that ended well.
        var errorType: String?

        var quickHash: UInt64 { (errorType?.quickHash ?? 0) ^ UInt64(truncatingIfNeeded: kind).quicklyMixed }
    }

    /// What a snapshot needs, without the indexes.
    struct Values: Sendable {
        fileprivate(set) var kinds: [[Attribute]]
        fileprivate(set) var outcomes: SeriesTable<Outcome, Int>.Series
        fileprivate(set) var duration: HistogramTable
        fileprivate(set) var timeToFirstToken: HistogramTable
        fileprivate(set) var timePerOutputToken: HistogramTable
    }

    var running = 0
    var waiting = 0
    /// The value is the position of the outcome without an error, once there was one.
    private var kinds: SeriesTable<Kind, Int?>
    /// The value is the number of requests.
    private var outcomes: SeriesTable<Outcome, Int>
    private var duration = HistogramTable.requestDuration
    private var timeToFirstToken = HistogramTable.timeToFirstToken
    private var timePerOutputToken = HistogramTable.timePerOutputToken
    /// The name of a type takes an allocation to make, and a program has few types of errors.
    private var errorTypes: [ObjectIdentifier: String] = [:]
    private var hasOverflowed = false

    /// - Parameter limit: the most kinds, and the most outcomes.
    init(limit: Int) {
        kinds = SeriesTable(limit: limit)
        outcomes = SeriesTable(limit: limit)
    }

    var values: Values {
        Values(
            kinds: kinds.series.attributes,
            outcomes: outcomes.series,
            duration: duration,
            timeToFirstToken: timeToFirstToken,
            timePerOutputToken: timePerOutputToken
        )
    }

    /// The position of a kind, for the calls below; `isOverflow` when this is the first thing beyond the limit.
    mutating func kind(_ model: String, _ operation: String) -> (position: Int, isOverflow: Bool) {
        // Without making a `Kind`, which would retain and release its strings.
        let hash = Kind.quickHash(model, operation)
        if let known = kinds.hintedPosition(hash, where: { $0.model == model && $0.operation == operation }) {
            return (known, false)
        }
        let slot = kinds.slot(for: Kind(model: model, operation: operation), initial: nil, attributes: \.attributes)
        return (slot.position, isFirstOverflow(slot))
    }

    mutating func recordFirstToken(nanoseconds: UInt64, kind: Int) {
        timeToFirstToken.record(nanoseconds: nanoseconds, in: kind)
    }

    mutating func recordTimePerOutputToken(nanoseconds: UInt64, kind: Int) {
        timePerOutputToken.record(nanoseconds: nanoseconds, in: kind)
    }

    /// Counts a request that has ended.
    ///
    /// - Returns: whether this is the first thing beyond the limit.
    mutating func recordEnd(nanoseconds: UInt64, kind: Int, failure: Failure?) -> Bool {
        let (position, isOverflow) = outcome(kind, failure)
        outcomes[position] = outcomes[position].addingAsCount(1)
        duration.record(nanoseconds: nanoseconds, in: position)
        return isOverflow
    }

    private mutating func outcome(_ kind: Int, _ failure: Failure?) -> (position: Int, isOverflow: Bool) {
        if failure == nil, let known = kinds[kind] { return (known, false) }
        let key = Outcome(kind: kind, errorType: failure.map { name($0) })
        let attributes = kinds.series.attributes[kind]
        // Requests of a kind beyond the limit are beyond it whatever their outcome.
        let slot =
            kind == kinds.overflowPosition
            ? outcomes.overflowSlot(initial: 0)
            : outcomes.slot(for: key, initial: 0) { key in
                attributes + (key.errorType.map { [Attribute("error.type", .string($0))] } ?? [])
            }
        if failure == nil { kinds[kind] = slot.position }
        return (slot.position, isFirstOverflow(slot))
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

    private mutating func isFirstOverflow<Key, Value>(_ slot: SeriesTable<Key, Value>.Slot) -> Bool {
        guard slot.isFirstOverflow, !hasOverflowed else { return false }
        hasOverflowed = true
        return true
    }
}
