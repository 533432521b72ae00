// One request that the application tracks, from its arrival to its end.

import Synchronization

/// A tracked request. It is counted while it waits or runs, and at its end with its times and tokens.
///
/// ``ServerMetricsCollector/beginRequest(model:operation:attributes:)``,
/// ``ServerMetricsCollector/enqueueRequest(model:operation:attributes:)`` and
/// ``ServerMetricsCollector/trackRequest(model:operation:attributes:_:)`` make it.
///
/// ```swift
/// let request = metrics.enqueueRequest(model: "llama-3")  // waiting
/// request.start()  // running
/// request.markFirstToken()
/// request.finish(inputTokens: 512, outputTokens: 128)
/// ```
///
/// Thread-safe: call every method from any thread, in any order and any number of times. A call that no longer applies does
/// nothing, so each request is counted exactly once. A request that is dropped without
/// ``finish(inputTokens:outputTokens:cachedInputTokens:responseModel:error:)`` ends at that moment, with `error.type`
/// `abandoned`.
///
/// Times are measured from the request's arrival, on a clock that ignores changes of the date.
public final class ServerRequest: @unchecked Sendable {
    // Sendable: `phase` is only changed, and the variables after it only used, under the collector's lock; nothing else
    // changes. That lock is needed anyway: the phase and the collector's counts must change in one step. A second lock
    // would only cost an allocation.

    private enum Phase: UInt8, AtomicRepresentable {
        case waiting, running, done
    }

    /// How a request ended. A value: safe to pass between threads.
    ///
    /// ```swift
    /// let request = metrics.beginRequest(model: "llama-3")
    /// request.finish(outcome: .failure(errorType: "timeout"))
    /// ```
    public struct Outcome: Sendable, Hashable {
        /// Attribute `error.type`; nil for a success.
        public let errorType: String?

        private init(errorType: String?) { self.errorType = errorType }

        /// The request was served.
        public static let success = Outcome(errorType: nil)

        /// The client hung up before the end; this is not the server's error. `error.type` is `client_gone`.
        public static let clientGone = Outcome(errorType: "client_gone")

        /// The request failed.
        ///
        /// - Parameter errorType: attribute `error.type`, such as `timeout`, cut to 256 bytes of UTF-8; an empty one becomes
        ///   `_OTHER` (OpenTelemetry semantic conventions). Use a small set of words: each makes a time series.
        /// - Returns: the outcome.
        public static func failure(errorType: String) -> Outcome {
            Outcome(errorType: errorType.isEmpty ? "_OTHER" : Attribute.cut(errorType))
        }
    }

    private let collector: ServerMetricsCollector
    private let place: RequestStore.Place
    /// On the collector's clock, like all times here.
    private let arrival: UInt64
    /// Atomic, so that `done`, which is final, can be checked without the lock: `trackRequest` and `deinit` mostly find the
    /// request done.
    private let phase: Atomic<Phase>
    /// Nanoseconds from the arrival to the first token.
    private var firstTokenTime: UInt64?
    /// The tokens that ``addOutputTokens(_:)`` has counted.
    private var streamedTokens = 0
    private var ownTrace: RequestTrace?

    /// A request that the collector has counted as waiting or running.
    init(
        _ collector: ServerMetricsCollector,
        at place: RequestStore.Place,
        arrival: UInt64,
        isWaiting: Bool,
        trace: RequestTrace?
    ) {
        self.collector = collector
        self.place = place
        self.arrival = arrival
        phase = Atomic(isWaiting ? .waiting : .running)
        ownTrace = trace
    }

    deinit {
        if !isDone { end(.named("abandoned"), responseModel: nil, RequestStore.Ending()) }
    }

    /// The trace that the request belongs to; nil for none. At first, what ``RequestConfiguration/currentTrace`` gave.
    ///
    /// Values that are recorded from now on become exemplars of this trace, if ``RequestConfiguration/exemplarFilter`` allows.
    ///
    /// ```swift
    /// let request = metrics.beginRequest(model: "llama-3")
    /// request.trace = RequestTrace(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    /// ```
    public var trace: RequestTrace? {
        get { collector.state.withLock { _ in ownTrace } }
        set { collector.state.withLock { _ in ownTrace = newValue } }
    }

    /// Counts the request as running instead of waiting, and records its time in the queue. Does nothing if it is running
    /// or has ended. The type has an example.
    public func start() {
        collector.state.withLock { state in
            guard phase.load(ordering: .relaxed) == .waiting else { return }
            run(&state.requests, at: collector.nanoseconds())
        }
    }

    /// Records the time to first token, at the first call only, so it can stand in a loop. A waiting request becomes
    /// running. Does nothing if the request has ended.
    public func markFirstToken() {
        collector.state.withLock { state in
            guard !isDone, firstTokenTime == nil else { return }
            let now = collector.nanoseconds()
            if phase.load(ordering: .relaxed) == .waiting { run(&state.requests, at: now) }
            let time = now.subtractingSaturated(arrival)
            firstTokenTime = time
            state.requests.recordFirstToken(time, at: place, exemplar(at: now))
        }
    }

    /// Counts output tokens while the request runs, so that the rate of tokens rises during a long answer and not only at
    /// its end. Does nothing if the request has ended.
    ///
    /// `finish` does not count these tokens again: its `outputTokens` is the total, with them.
    ///
    /// ```swift
    /// let request = metrics.beginRequest(model: "llama-3")
    /// for token in ["Hello", ",", " world"] {
    ///     request.markFirstToken()
    ///     request.addOutputTokens(1)
    ///     print(token)
    /// }
    /// request.finish()  // 3 output tokens
    /// ```
    ///
    /// - Parameter count: the number of tokens since the last call, 1 or more; 0 and less are ignored.
    public func addOutputTokens(_ count: Int) {
        guard count > 0 else { return }
        collector.state.withLock { state in
            guard !isDone else { return }
            streamedTokens = streamedTokens.addingAsCount(count)
            state.requests.recordOutputTokens(count, at: place)
        }
    }

    /// Ends the request: it no longer waits or runs, and its duration is recorded. Does nothing if it has ended.
    ///
    /// Tokens are counted whether the request succeeded or failed. A number below 0 is ignored.
    ///
    /// ```swift
    /// let request = metrics.beginRequest(model: "llama-3")
    /// request.finish(inputTokens: 512, outputTokens: 128, cachedInputTokens: 384, responseModel: "llama-3-8b")
    /// ```
    ///
    /// - Parameters:
    ///   - inputTokens: the number of tokens of the prompt, 0 or more; nil if it is not known.
    ///   - outputTokens: the number of tokens generated in all, 0 or more, including those of ``addOutputTokens(_:)``; nil for
    ///     only those. From two on, the time per output token is recorded, if ``markFirstToken()`` was called and there was
    ///     no error: the time since the first token, divided by the number of further tokens.
    ///   - cachedInputTokens: how many of `inputTokens` were found in the prefix cache, 0 to `inputTokens`; more is clamped.
    ///     Ignored without `inputTokens`.
    ///   - responseModel: attribute `gen_ai.response.model`, the model that has answered, cut to 256 bytes of UTF-8; nil or
    ///     empty leaves it out.
    ///   - error: why the request failed; nil if it did not. ``RequestConfiguration/outcomeOfError`` says what it counts as;
    ///     by default the name of its type becomes the attribute `error.type`.
    public func finish(
        inputTokens: Int? = nil,
        outputTokens: Int? = nil,
        cachedInputTokens: Int? = nil,
        responseModel: String? = nil,
        error: (any Error)? = nil
    ) {
        guard !isDone else { return }
        end(
            collector.failure(error),
            responseModel: responseModel,
            RequestStore.Ending(inputTokens, outputTokens, cachedInputTokens)
        )
    }

    /// Ends the request with an outcome that the application knows. Does nothing if it has ended.
    ///
    /// ```swift
    /// let request = metrics.beginRequest(model: "llama-3")
    /// request.finish(outputTokens: 17, outcome: .clientGone)
    /// ```
    ///
    /// - Parameters:
    ///   - inputTokens: the number of tokens of the prompt, 0 or more; nil if it is not known.
    ///   - outputTokens: the number of tokens generated in all, 0 or more, including those of ``addOutputTokens(_:)``; nil for
    ///     only those.
    ///   - cachedInputTokens: how many of `inputTokens` were found in the prefix cache, 0 to `inputTokens`; more is clamped.
    ///     Ignored without `inputTokens`.
    ///   - responseModel: attribute `gen_ai.response.model`, the model that has answered, cut to 256 bytes of UTF-8; nil or
    ///     empty leaves it out.
    ///   - outcome: how the request ended.
    public func finish(
        inputTokens: Int? = nil,
        outputTokens: Int? = nil,
        cachedInputTokens: Int? = nil,
        responseModel: String? = nil,
        outcome: Outcome
    ) {
        guard !isDone else { return }
        end(
            outcome.errorType.map { .named($0) },
            responseModel: responseModel,
            RequestStore.Ending(inputTokens, outputTokens, cachedInputTokens)
        )
    }

    private func end(_ failure: RequestStore.Failure?, responseModel: String?, _ ending: RequestStore.Ending) {
        var responseModel = responseModel
        if let name = responseModel, name.isEmpty || name.utf8.count > Attribute.longestValue {
            responseModel = name.isEmpty ? nil : Attribute.cut(name)
        }
        let isOverflow = collector.state.withLock { state in
            let now = collector.nanoseconds()
            switch phase.load(ordering: .relaxed) {
            case .waiting:
                state.requests.waiting -= 1
                recordQueueTime(&state.requests, at: now)
            case .running: state.requests.running -= 1
            case .done: return false
            }
            phase.store(.done, ordering: .releasing)
            var ending = ending
            ending.duration = now.subtractingSaturated(arrival)
            ending.firstToken = firstTokenTime
            if let tokens = ending.outputTokens {
                ending.uncountedOutputTokens = tokens.subtractingAsCount(streamedTokens)
                ending.outputTokens = max(tokens, streamedTokens)
            } else if streamedTokens > 0 {
                ending.outputTokens = streamedTokens
            }
            return state.requests.recordEnd(
                ending,
                failure,
                responseModel: responseModel,
                at: place,
                exemplar(at: now)
            )
        }
        if isOverflow { collector.cardinality.warn(of: .requests) }
    }

    private func run(_ requests: inout RequestStore, at now: UInt64) {
        phase.store(.running, ordering: .relaxed)
        requests.waiting -= 1
        requests.running += 1
        recordQueueTime(&requests, at: now)
    }

    private func recordQueueTime(_ requests: inout RequestStore, at now: UInt64) {
        requests.recordQueueTime(now.subtractingSaturated(arrival), at: place, exemplar(at: now))
    }

    private func exemplar(at now: UInt64) -> ExemplarTable.Source? {
        let isWanted =
            switch collector.requestConfiguration.exemplarFilter {
            case .traceBased: ownTrace?.isSampled == true
            case .alwaysOn: true
            case .alwaysOff: false
            }
        return isWanted ? ExemplarTable.Source(time: now, trace: ownTrace) : nil
    }

    private var isDone: Bool { phase.load(ordering: .acquiring) == .done }
}
