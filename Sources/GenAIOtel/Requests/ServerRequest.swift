// One request that the application tracks, from its arrival to its end.

import Synchronization

/// A tracked request: counted as waiting or running, and when it ends, with its times and tokens.
///
/// ```swift
/// let request = collector.enqueueRequest(model: "llama-3")  // waiting
/// request.start()  // running
/// request.markFirstToken()
/// request.finish(inputTokens: 512, outputTokens: 128)
/// ```
///
/// Comes from ``ServerMetricsCollector/beginRequest(model:operation:attributes:)``,
/// ``ServerMetricsCollector/enqueueRequest(model:operation:attributes:)`` or
/// ``ServerMetricsCollector/trackRequest(model:operation:attributes:_:)``. Every method can be called from any thread, in
/// any order and any number of times; calls that no longer apply do nothing, so each request is counted exactly once. A
/// request that is dropped without ``finish(inputTokens:outputTokens:cachedInputTokens:responseModel:error:)`` ends at that
/// moment, with `error.type` `abandoned`.
///
/// Times are measured from the request's arrival, on a clock that ignores changes of the date.
public final class ServerRequest: @unchecked Sendable {
    // Sendable: `phase` is only changed, and the variables after it only used, under the collector's lock; nothing else
    // changes. That lock is needed anyway: the phase and the collector's counts must change in one step. A second lock
    // would only cost an allocation.

    private enum Phase: UInt8, AtomicRepresentable {
        case waiting, running, done
    }

    /// How a request ended.
    public struct Outcome: Sendable, Hashable {
        /// Attribute `error.type`; nil for a success.
        public let errorType: String?

        private init(errorType: String?) { self.errorType = errorType }

        /// It was served.
        public static let success = Outcome(errorType: nil)

        /// The client hung up before the end, which is no error of the server: `error.type` is `client_gone`.
        public static let clientGone = Outcome(errorType: "client_gone")

        /// It failed.
        ///
        /// - Parameter errorType: one of few words, such as `timeout`, cut to 256 bytes of UTF-8; an empty one becomes `_OTHER`
        ///   (OpenTelemetry semantic conventions, `error.type`).
        public static func failure(errorType: String) -> Outcome {
            Outcome(errorType: errorType.isEmpty ? "_OTHER" : Attribute.cut(errorType))
        }
    }

    private let collector: ServerMetricsCollector
    private let place: RequestStore.Place
    /// On the collector's clock, like all times here.
    private let arrival: UInt64
    /// Atomic, so that `done`, which is final, can be checked without the lock. At the end of the scope and of the
    /// object the request is mostly done, and no lock is needed.
    private let phase: Atomic<Phase>
    /// Nanoseconds from the arrival to the first token.
    private var firstTokenTime: UInt64?
    /// Those that ``addOutputTokens(_:)`` has told.
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

    /// The trace that the request belongs to. At first what ``RequestConfiguration/currentTrace`` gave.
    ///
    /// What is recorded from now on gets it as its exemplar, if ``RequestConfiguration/exemplarFilter`` allows.
    public var trace: RequestTrace? {
        get { collector.state.withLock { _ in ownTrace } }
        set { collector.state.withLock { _ in ownTrace = newValue } }
    }

    /// Counts the request as running instead of waiting, and records its time in the queue. Does nothing if it is running
    /// or has ended.
    public func start() {
        collector.state.withLock { state in
            guard phase.load(ordering: .relaxed) == .waiting else { return }
            run(&state.requests, at: collector.nanoseconds())
        }
    }

    /// Records the time to first token, at the first call only. A waiting request becomes running.
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

    /// Counts output tokens while the request goes on, so that a long answer is not seen only at its end. Does nothing if it
    /// has ended.
    ///
    /// What is told here is part of the `outputTokens` of `finish` and not counted again there.
    ///
    /// - Parameter count: the number of tokens since the last call; 0 and less are ignored.
    public func addOutputTokens(_ count: Int) {
        guard count > 0 else { return }
        collector.state.withLock { state in
            guard !isDone else { return }
            streamedTokens = streamedTokens.addingAsCount(count)
            state.requests.recordOutputTokens(count, at: place)
        }
    }

    /// Ends the request, which no longer waits or runs, and records its duration. Does nothing if it has ended.
    ///
    /// Tokens are counted however the request ended; a number below 0 is ignored.
    ///
    /// - Parameters:
    ///   - inputTokens: the number of tokens of the prompt.
    ///   - outputTokens: the number of tokens generated in all, those of ``addOutputTokens(_:)`` included. From two on, if
    ///     ``markFirstToken()`` was called and there was no error, the time per output token is recorded: the time since
    ///     the first token, per further token.
    ///   - cachedInputTokens: how many of `inputTokens` were found in the prefix cache; at most that many count. Nothing is
    ///     counted of it without `inputTokens`.
    ///   - responseModel: attribute `gen_ai.response.model`, the model that has answered, cut to 256 bytes of UTF-8.
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

    /// Ends the request, like `finish` with an error, with an outcome that the application knows.
    ///
    /// ```swift
    /// request.finish(outputTokens: sent, outcome: .clientGone)
    /// request.finish(outcome: .failure(errorType: "quota"))
    /// ```
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
