// The exports of one exporter, from their number to their outcome.

/// The waiting exports of one exporter, oldest first and within limits, and the export in flight.
///
/// A pure value without lock, clock or thread. Every snapshot has one number. Every added export is delivered, has
/// failed, waits or is in flight. Exports are delivered in rounds. A round tries the exports that were there when it
/// began, in order, up to the first that can't be delivered.
struct ExportQueue: Sendable {
    /// How much may wait. The newest export may always wait for its first attempt.
    struct Limits: Sendable {
        /// The most exports; with 0, none is kept for a second attempt.
        var exports: Int
        /// The total size of their bodies.
        var bytes: Int
    }

    /// A snapshot whose outcome somebody waits for.
    struct Expectation: Sendable {
        var waiters = 0
        /// When the last waiter gives up.
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
    /// The newest export of the current round, or of the last one.
    private var lastOfRound = 0
    private(set) var expectations: [Int: Expectation] = [:]

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// All counts except the requests.
    var statistics: ExportStatistics {
        var result = counts
        result.exportsBuffered = waiting.count
        return result
    }

    // MARK: Collecting

    /// The number of the next snapshot.
    mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// Adds the newest snapshot's exports.
    ///
    /// - Returns: the exports that were dropped for lack of room.
    mutating func add(_ exports: [Export]) -> [Export] {
        guard !isClosed else { return fail(exports) }
        waiting += exports
        byteCount += exports.reduce(0) { $0 + $1.body.count }
        return trim()
    }

    /// Records that a snapshot has nothing to deliver.
    mutating func skip(_ number: Int) { answer(number, true) }

    /// Records an export that can never be delivered.
    mutating func reject(_ number: Int, points: Int) {
        counts.countDropped(points: points)
        answer(number, false)
    }

    // MARK: Delivering

    /// Begins a round.
    ///
    /// - Returns: when the last waiter for one of its outcomes gives up; nil if nobody waits.
    mutating func beginRound() -> ContinuousClock.Instant? {
        lastOfRound = waiting.last?.number ?? lastOfRound
        return waiting.compactMap { expectations[$0.number] }.filter { $0.outcome == nil }.map(\.deadline).max()
    }

    /// Puts the round's next export in flight; nil if there are no more.
    mutating func takeNext() -> Export? {
        guard inFlight == nil, let first = waiting.first, first.number <= lastOfRound else { return nil }
        inFlight = removeFirst()
        return first
    }

    /// Records the outcome of the export in flight. If it may be delivered later, it becomes the first again.
    ///
    /// - Returns: the exports that were dropped because they can't be kept.
    mutating func settle(_ outcome: ExportOutcome) -> [Export] {
        guard let export = inFlight else { return [] }
        inFlight = nil
        switch outcome {
        case .delivered(let rejectedPoints):
            counts.countDelivered(points: export.points, rejected: rejectedPoints)
            // A snapshot is delivered only when its last part is.
            if waiting.first?.number != export.number { answer(export.number, true) }
            return []
        case .refused:
            _ = fail([export])
            return []
        case .undelivered:
            let canBeKept = !isClosed && limits.exports > 0 && export.body.count <= limits.bytes
            guard canBeKept else { return fail([export] + removeUnkept(export.number)) }
            waiting.insert(export, at: 0)
            byteCount += export.body.count
            return trim()
        }
    }

    /// Ends a round. Waiters for exports that it did not deliver get the outcome false.
    mutating func endRound() {
        for export in waiting.prefix(while: { $0.number <= lastOfRound }) { answer(export.number, false) }
    }

    /// Drops the waiting exports. The export in flight is settled by the thread that delivers it.
    mutating func close() -> [Export] {
        isClosed = true
        byteCount = 0
        defer { waiting = [] }
        return fail(waiting)
    }

    // MARK: Waiting for an outcome

    /// Registers a waiter for the outcome of the next snapshot. ``forget(_:)`` must follow.
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

    /// Whether a round with an expected snapshot has begun, or its outcome is known already.
    func hasBegun(_ number: Int) -> Bool { number <= lastOfRound || outcome(of: number) != nil }

    /// Whether the first round with an expected snapshot delivered it; nil while that is unknown.
    func outcome(of number: Int) -> Bool? {
        if let outcome = expectations[number]?.outcome { return outcome }
        return isClosed && inFlight?.number != number ? false : nil
    }

    /// Removes one waiter for an outcome.
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

    /// Removes the other parts of a snapshot after one part failed, if nothing is kept for a second attempt.
    private mutating func removeUnkept(_ number: Int) -> [Export] {
        var result: [Export] = []
        while limits.exports == 0, waiting.first?.number == number { result.append(removeFirst()) }
        return result
    }

    /// Drops the oldest exports beyond the limits, but never those of the newest snapshot: it may not have been tried yet.
    private mutating func trim() -> [Export] {
        var dropped: [Export] = []
        while waiting.count > max(limits.exports, 1) || byteCount > limits.bytes {
            guard waiting.first?.number != waiting.last?.number else { break }
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
