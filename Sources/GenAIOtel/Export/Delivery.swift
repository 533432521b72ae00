// Delivers the exports of one exporter, for its threads and for callers that wait for an outcome.

/// Encodes snapshots through an exporter, keeps them in a queue and delivers them.
final class Delivery: Sendable {
    private struct State {
        var queue: ExportQueue
        /// Nil if no delivery is running.
        var round: Round?
    }

    /// One pass over the waiting exports.
    private struct Round {
        var begin: ContinuousClock.Instant
        /// Whether anybody waits for one of its outcomes.
        var isExpected: Bool
        var cancellation: Cancellation
    }

    /// A round is not broken off earlier, because collectors may be slow.
    private static let shortestRound: Duration = .seconds(1)

    private let exporter: any SnapshotExporter
    private let timeout: Duration
    private let timeSource: any TimeSource
    private let log: Log
    private let state: Monitor<State>

    /// - Parameters:
    ///   - timeout: the time limit of one round.
    ///   - log: receives a line for each export.
    init(_ exporter: any SnapshotExporter, timeout: Duration, timeSource: any TimeSource, log: Log = Log(level: nil)) {
        self.exporter = exporter
        self.timeout = timeout
        self.timeSource = timeSource
        self.log = log
        state = Monitor(State(queue: ExportQueue(exporter.limits)))
    }

    var statistics: ExportStatistics {
        var result = state.read { $0.queue.statistics }
        result.requestsSent = exporter.requestsSent
        return result
    }

    /// The number of the next snapshot.
    func nextNumber() -> Int { state.mutate { $0.queue.nextNumber() } }

    /// Encodes a snapshot on the calling thread and keeps it until it is delivered. Does not block.
    func accept(_ snapshot: MetricSnapshot, number: Int) {
        let encoded = exporter.encode(snapshot, number: number)
        guard !encoded.exports.isEmpty || encoded.pointsTooLarge > 0 else {
            return state.mutate { $0.queue.skip(number) }
        }
        if encoded.pointsTooLarge > 0 { state.mutate { $0.queue.reject(number, points: encoded.pointsTooLarge) } }
        update { $0.add(encoded.exports) }
    }

    /// Delivers the waiting exports on the calling thread, oldest first, up to the first that can't be delivered.
    ///
    /// - Parameter stop: cancels the delivery.
    func deliver(_ stop: Cancellation) {
        let cancellation = Cancellation()
        let deadline = state.mutate { state in
            let begin = timeSource.now
            // A waiter whose deadline has passed does not shorten the round.
            let expected = state.queue.beginRound().flatMap { $0 > begin ? $0 : nil }
            state.round = Round(begin: begin, isExpected: expected != nil, cancellation: cancellation)
            return min(expected ?? begin + timeout, begin + timeout)
        }
        stop.withAction({ cancellation.cancel() }) {
            while let export = state.mutate({ $0.queue.takeNext() }) {
                let begin = timeSource.now
                let outcome = exporter.send(export, deadline: deadline, cancellation: cancellation)
                log.debug(
                    "Export to \(exporter.place): \(export.points) points, \(export.body.count) bytes, "
                        + "\(Int(begin.duration(to: timeSource.now) / .milliseconds(1))) ms, \(outcome)"
                )
                update { $0.settle(outcome) }
                if outcome == .undelivered { break }
            }
        }
        state.mutate { state in
            state.queue.endRound()
            state.round = nil
        }
    }

    /// Drops the waiting exports and keeps nothing from now on.
    func close() {
        update { $0.close() }
        exporter.close()
    }

    /// Changes the queue and tells the exporter what was dropped.
    private func update(_ change: (inout ExportQueue) -> [Export]) {
        let (dropped, isClosed) = state.mutate { (change(&$0.queue), $0.queue.isClosed) }
        guard !dropped.isEmpty else { return }
        if isClosed {
            exporter.dropped(dropped, because: "the collector did not accept them before the end of the shutdown")
        } else {
            exporter.dropped(
                dropped,
                because: "the outage buffer has no room; raise outageBufferLimit or outageBufferByteLimit to keep more"
            )
        }
    }

    // MARK: Waiting for an outcome

    /// Registers a waiter for the outcome of the next snapshot. ``outcome(of:until:)`` must follow.
    ///
    /// - Returns: the snapshot's number.
    func expectNext(by deadline: ContinuousClock.Instant) -> Int {
        state.mutate { $0.queue.expectNext(by: deadline) }
    }

    /// Waits until a round has begun that tries the snapshot.
    ///
    /// If an earlier round is still running at `moment`, it is cancelled. It is spared if somebody waits for its outcome, or if
    /// it would still be shorter than ``shortestRound`` at the deadline.
    func makeWay(for number: Int, at moment: ContinuousClock.Instant, until deadline: ContinuousClock.Instant) {
        guard !waitForBegin(of: number, until: moment) else { return }
        guard let obstacle = state.read({ $0.round }), !obstacle.isExpected else { return }
        let end = obstacle.begin + Self.shortestRound
        guard end <= deadline, !waitForBegin(of: number, until: end) else { return }
        // If another round is running by now, it is not affected.
        obstacle.cancellation.cancel()
    }

    private func waitForBegin(of number: Int, until deadline: ContinuousClock.Instant) -> Bool {
        timeSource.wait(on: state, until: deadline) { $0.queue.hasBegun(number) ? true : nil } ?? false
    }

    /// Waits for the outcome of a registered snapshot; false if it is unknown at the deadline.
    func outcome(of number: Int, until deadline: ContinuousClock.Instant) -> Bool {
        defer { state.mutate { $0.queue.forget(number) } }
        return timeSource.wait(on: state, until: deadline) { $0.queue.outcome(of: number) } ?? false
    }
}
