// One request that the application tracks, from its arrival to its end.

import Synchronization

/// A tracked request: counted as waiting or running, and when it ends, with its times.
///
/// ```swift
/// let request = collector.enqueueRequest(model: "llama-3")  // waiting
/// request.start()  // running
/// request.markFirstToken()
/// request.finish(outputTokens: 128)
/// ```
///
/// Comes from ``ServerMetricsCollector/enqueueRequest(model:operation:)`` or
/// ``ServerMetricsCollector/trackRequest(model:operation:_:)``. Every method can be called from any thread, in any
/// order and any number of times; calls that no longer apply do nothing, so each request is counted exactly once. A
/// request that is dropped without ``finish(outputTokens:error:)`` ends at that moment, with `error.type` `abandoned`.
///
/// Times are measured from the request's arrival, on a clock that ignores changes of the date.
public final class ServerRequest: @unchecked Sendable {
    // Sendable: `firstTokenTime` is only used, and `phase` only changed, under the collector's lock; nothing else
    // changes. That lock is needed anyway: the phase and the collector's counts must change in one step. A second lock
    // would only cost an allocation.

    private enum Phase: UInt8, AtomicRepresentable {
        case waiting, running, done
    }

    private let collector: ServerMetricsCollector
    /// Position of the request's kind in the collector's ``RequestStore``.
    private let kindPosition: Int
    /// On the collector's clock, like all times here.
    private let arrival: UInt64
    /// Atomic, so that `done`, which is final, can be checked without the lock. At the end of the scope and of the
    /// object the request is mostly done, and no lock is needed.
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

    /// Counts the request as running instead of waiting. Does nothing if it is running or has ended.
    public func start() {
        collector.state.withLock { startIfWaiting(&$0.requests) }
    }

    /// Records the time to first token, at the first call only. A waiting request becomes running.
    public func markFirstToken() {
        collector.state.withLock { state in
            guard !isDone, firstTokenTime == nil else { return }
            startIfWaiting(&state.requests)
            let time = nanosecondsSinceArrival
            firstTokenTime = time
            state.requests.recordFirstToken(nanoseconds: time, kindPosition: kindPosition)
        }
    }

    /// Ends the request, which no longer waits or runs, and records its duration. Does nothing if it has ended.
    ///
    /// - Parameters:
    ///   - outputTokens: the number of tokens generated. From two on, if ``markFirstToken()`` was called and there was
    ///     no error, the time per output token is recorded: the time since the first token, per further token.
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

    /// Read under the lock, so that times have the order of the calls, and only when needed, because reading the clock
    /// costs more than the lock.
    private var nanosecondsSinceArrival: UInt64 { collector.nanoseconds().subtractingSaturated(arrival) }
}
