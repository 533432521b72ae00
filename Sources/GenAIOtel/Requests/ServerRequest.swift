// One request that the application tracks, from its arrival to its end.

import Synchronization

/// A request that counts itself: as waiting, as running, and when it ends, with its times.
///
/// Comes from ``ServerMetricsCollector/enqueueRequest(model:operation:)`` or
/// ``ServerMetricsCollector/trackRequest(model:operation:_:)``. Every method can be called from any thread, in any order and
/// any number of times: what makes no sense any more does nothing, so that no request is counted twice or never. A
/// request that is dropped without ``finish(outputTokens:error:)`` counts as ended at that moment, with `error.type`
/// `abandoned`.
///
/// Times are measured on a clock that does not follow changes of the date, from the request's arrival.
public final class ServerRequest: @unchecked Sendable {
    // Sendable: `firstTokenTime` is touched and `phase` changed only while the collector's lock is held; nothing else
    // changes. A lock of its own would be a second allocation, and would have to be held together with the collector's
    // anyway: the phase and the collector's counts change in one step, or a `finish` on another thread could come between.

    private enum Phase: UInt8, AtomicRepresentable {
        case waiting, running, done
    }

    private let collector: ServerMetricsCollector
    /// Position of the request's kind in the collector's ``RequestStore``.
    private let kindPosition: Int
    /// On the collector's clock, as all times here.
    private let arrival: UInt64
    /// Atomic, because `done` is final and can be seen without the lock: the end of the scope and of the object mostly
    /// find a request that is done. A tracked request takes three locks so, not five.
    private let phase: Atomic<Phase>
    /// Nanoseconds from the arrival to the first token.
    private var firstTokenTime: UInt64?

    /// A request that the collector has counted as waiting or running.
    init(_ collector: ServerMetricsCollector, kindPosition: Int, arrival: UInt64, isWaiting: Bool) {
        self.collector = collector
        self.kindPosition = kindPosition
        self.arrival = arrival
        phase = Atomic(isWaiting ? .waiting : .running)
    }

    deinit { end(outputTokens: nil, failure: .abandoned) }

    /// Counts the request as running instead of waiting. Does nothing if it runs already or has ended.
    public func start() {
        collector.state.withLock { startIfWaiting(&$0.requests) }
    }

    /// Records the time to first token, at the first call only. A request that still waited runs from now on.
    public func markFirstToken() {
        collector.state.withLock { state in
            guard !isDone, firstTokenTime == nil else { return }
            startIfWaiting(&state.requests)
            let time = nanosecondsSinceArrival
            firstTokenTime = time
            state.requests.recordFirstToken(nanoseconds: time, kindPosition: kindPosition)
        }
    }

    /// Ends the request: counts it, records its duration and takes it from those that wait or run. Does nothing if it has
    /// ended already.
    ///
    /// - Parameters:
    ///   - outputTokens: the number of tokens generated. From two on, if ``markFirstToken()`` was called and there was no error,
    ///     the time per output token is recorded: the time since the first token, divided by the other tokens.
    ///   - error: why the request failed; nil if it did not. The name of its type becomes the attribute `error.type`.
    public func finish(outputTokens: Int? = nil, error: (any Error)? = nil) {
        end(outputTokens: outputTokens, failure: error.map { .thrown(type(of: $0)) })
    }

    private func end(outputTokens: Int?, failure: RequestStore.Failure?) {
        guard !isDone else { return }
        let isOverflow = collector.state.withLock { state in
            switch phase.load(ordering: .relaxed) {
            case .waiting: state.requests.waiting -= 1
            case .running: state.requests.running -= 1
            case .done: return false
            }
            phase.store(.done, ordering: .releasing)
            let time = nanosecondsSinceArrival
            if failure == nil, let firstTokenTime, let outputTokens, outputTokens >= 2 {
                let perToken = time.subtractingSaturated(firstTokenTime) / UInt64(outputTokens - 1)
                state.requests.recordTimePerOutputToken(nanoseconds: perToken, kindPosition: kindPosition)
            }
            return state.requests.recordEnd(nanoseconds: time, kindPosition: kindPosition, failure: failure)
        }
        if isOverflow { collector.cardinality.warn(of: .requests) }
    }

    private func startIfWaiting(_ requests: inout RequestStore) {
        guard phase.load(ordering: .relaxed) == .waiting else { return }
        phase.store(.running, ordering: .relaxed)
        requests.waiting -= 1
        requests.running += 1
    }

    private var isDone: Bool { phase.load(ordering: .acquiring) == .done }

    /// Read while the lock is held, and only when it is needed: so times can't come in another order than the calls, and
    /// a call that does nothing does not read the clock, which costs more than the lock.
    private var nanosecondsSinceArrival: UInt64 { collector.nanoseconds().subtractingSaturated(arrival) }
}
