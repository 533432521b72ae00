// What becomes of an exporter's exports, from the number to the outcome.

/// The exports of one exporter: those that wait, oldest first and within limits, and the one that is in flight.
///
/// A pure value without lock, clock or thread. Every snapshot has one number. Every export that was added is delivered, has
/// failed, waits or is in flight. Deliveries come in rounds: a round tries what was there when it began, in order, up to the
/// first export that can't be delivered.
struct ExportQueue: Sendable {
    /// What may wait, at most. The newest export waits for its first attempt whatever the limits are.
    struct Limits: Sendable {
        /// Number of exports; 0 keeps none for a second attempt.
        var exports: Int
        /// Their bodies' size together.
        var bytes: Int
    }

    /// An outcome that somebody waits for.
    struct Expectation: Sendable {
        var waiters = 0
        /// When the last of them stops waiting.
        var deadline: ContinuousClock.Instant
        var outcome: Bool?
    }

    private(set) var waiting: [Export] = []
    private(set) var inFlight: Export?
    /// After ``close()``, nothing is kept.
    private(set) var isClosed = false
    private let limits: Limits
    private var byteCount = 0
    private var counts = ExportStatistics()
    /// Number of the newest snapshot.
    private var lastNumber = 0
    /// The newest export that the current round, or the last one, tries.
    private var lastOfRound = 0
    private(set) var expectations: [Int: Expectation] = [:]

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// Counts, but for the requests that were sent.
    var statistics: ExportStatistics {
        var result = counts
        result.exportsBuffered = waiting.count
        return result
    }

    // MARK: Collecting

    /// The number of the snapshot that is taken next.
    mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// Adds the newest export.
    ///
    /// - Returns: the exports that are dropped because there is no room for them.
    mutating func add(_ export: Export) -> [Export] {
        guard !isClosed else { return fail([export]) }
        waiting.append(export)
        byteCount += export.body.count
        return trim()
    }

    /// Notes that a snapshot has nothing to deliver.
    mutating func skip(_ number: Int) { answer(number, true) }

    /// Notes an export that can't be delivered at all.
    mutating func reject(_ number: Int, points: Int) {
        counts.countDropped(points: points)
        answer(number, false)
    }

    // MARK: Delivering

    /// Begins a round.
    ///
    /// - Returns: when the last of those who wait for its outcomes stops waiting; nil if nobody waits.
    mutating func beginRound() -> ContinuousClock.Instant? {
        lastOfRound = waiting.last?.number ?? lastOfRound
        return waiting.compactMap { expectations[$0.number] }.filter { $0.outcome == nil }.map(\.deadline).max()
    }

    /// Takes the round's next export in flight; nil if there is no more.
    mutating func takeNext() -> Export? {
        guard inFlight == nil, let first = waiting.first, first.number <= lastOfRound else { return nil }
        inFlight = removeFirst()
        return first
    }

    /// Notes what has become of the export in flight. One that may be delivered later is the oldest again.
    ///
    /// - Returns: the exports that are dropped because they can't be kept.
    mutating func settle(_ outcome: ExportOutcome) -> [Export] {
        guard let export = inFlight else { return [] }
        inFlight = nil
        switch outcome {
        case .delivered(let rejectedPoints):
            counts.countDelivered(points: export.points, rejected: rejectedPoints)
            answer(export.number, true)
            return []
        case .refused:
            _ = fail([export])
            return []
        case .undelivered:
            let canBeKept = !isClosed && limits.exports > 0 && export.body.count <= limits.bytes
            guard canBeKept else { return fail([export]) }
            waiting.insert(export, at: 0)
            byteCount += export.body.count
            return trim()
        }
    }

    /// Ends a round: who waits for an export that it left behind is told so.
    mutating func endRound() {
        for export in waiting.prefix(while: { $0.number <= lastOfRound }) { answer(export.number, false) }
    }

    /// Drops what waits. The export in flight is settled by whoever delivers it.
    mutating func close() -> [Export] {
        isClosed = true
        byteCount = 0
        defer { waiting = [] }
        return fail(waiting)
    }

    // MARK: Waiting for an outcome

    /// Notes that somebody waits for the outcome of the next snapshot; to be followed by ``forget(_:)``.
    ///
    /// - Returns: its number.
    mutating func expectNext(by deadline: ContinuousClock.Instant) -> Int {
        let number = lastNumber + 1
        var expectation = expectations[number] ?? Expectation(deadline: deadline)
        expectation.waiters += 1
        expectation.deadline = max(expectation.deadline, deadline)
        expectations[number] = expectation
        return number
    }

    /// Whether an expected snapshot's export is being tried, has been, or never will be.
    func hasBegun(_ number: Int) -> Bool { number <= lastOfRound || outcome(of: number) != nil }

    /// Whether an expected snapshot was delivered by the first round that tried it; nil while that is open.
    func outcome(of number: Int) -> Bool? {
        if let outcome = expectations[number]?.outcome { return outcome }
        return isClosed && inFlight?.number != number ? false : nil
    }

    /// Notes that one waiter less waits for an outcome.
    mutating func forget(_ number: Int) {
        expectations[number]?.waiters -= 1
        if expectations[number]?.waiters == 0 { expectations[number] = nil }
    }

    // MARK: -

    private mutating func answer(_ number: Int, _ outcome: Bool) {
        if expectations[number]?.outcome == nil { expectations[number]?.outcome = outcome }
    }

    private mutating func fail(_ exports: [Export]) -> [Export] {
        for export in exports { reject(export.number, points: export.points) }
        return exports
    }

    /// Drops the oldest exports beyond the limits, but never the newest, which has not been tried.
    private mutating func trim() -> [Export] {
        var dropped: [Export] = []
        while waiting.count > max(limits.exports, 1) || (byteCount > limits.bytes && waiting.count > 1) {
            dropped.append(removeFirst())
        }
        return fail(dropped)
    }

    private mutating func removeFirst() -> Export {
        let export = waiting.removeFirst()
        byteCount -= export.body.count
        return export
    }
}
