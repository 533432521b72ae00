// The heart of the package: what request handlers write to and exporters read from.

import GPUPoller
import GenAISupport
import Synchronization

/// Holds the current values of all metrics: what request handlers write to.
///
/// ``instrument(_:)`` makes it; ``GenAIInstrumentation/serverMetrics`` and ``getServerMetrics()`` give it.
///
/// Thread-safe: call every method from any thread or task. Each returns at once and accepts any input: a value out of range
/// is clamped, one that means nothing is ignored with a warning. A call costs one uncontended lock and a few stores. An
/// export holds that lock only while it copies references, however much there is to export.
///
/// ```swift
/// let metrics = instrument().serverMetrics
/// metrics.setRequestsMax(32)
/// metrics.setKVCacheUsage(model: "llama-3", percent: 62.5)
/// metrics.trackRequest(model: "llama-3") { request in
///     request.markFirstToken()
///     request.finish(inputTokens: 512, outputTokens: 128)
/// }
/// ```
public final class ServerMetricsCollector: Sendable {
    struct State: Sendable {
        // First, so that they share a cache line: most calls touch nothing else of the state.
        var requestsRunning = 0
        var requestsWaiting = 0
        var requestsMax: Int?
        var kvCacheUsage: SeriesTable<String, Double>
        var requests: RequestStore
        var recorded: RecordedServers
        var gpus: RecordedGPUs

        /// The counts that the application sets and those of tracked requests are kept apart, so that setting one can't
        /// upset the tracking.
        var totalRunning: Int { requestsRunning.addingAsCount(requests.running) }
        var totalWaiting: Int { requestsWaiting.addingAsCount(requests.waiting) }

        /// The values that a snapshot needs: references and numbers.
        func values(at moment: UInt64) -> CollectorValues {
            CollectorValues(
                kvCacheUsage: kvCacheUsage.series,
                requestsRunning: totalRunning,
                requestsWaiting: totalWaiting,
                requestsMax: requestsMax,
                requests: requests.values,
                moment: moment,
                servers: recorded.servers,
                gpus: gpus.gpus
            )
        }
    }

    /// Held for a few stores at a time, whatever the number of models, servers and points.
    let state: Locked<State>
    /// Held while the list of polled servers or GPUs is rebuilt. Request handlers never wait for it.
    private let recording = Locked(())
    /// The time source's monotonic clock. A closure, because reading it through the protocol copies the source each time.
    let nanoseconds: @Sendable () -> UInt64
    private let timeSource: any TimeSource
    private let invalidInput: FailureLog
    private let shareHint: ShareHint
    let cardinality: CardinalityWarnings
    let log: Log
    let requestConfiguration: RequestConfiguration
    /// Whether the application was warned that an attribute of a request is not allowed.
    let forbiddenAttributes = Atomic(false)
    private let dateOfZero: Locked<UInt64>
    /// When counting began, in nanoseconds since 1970: the start of every sum and histogram.
    package let startTime: UInt64

    /// - Parameters:
    ///   - cardinalityLimit: how many models each metric tells apart; at least 1.
    ///   - requests: validated.
    ///   - exponentialHistograms: whether tracked requests are counted in exponential buckets too.
    package init(
        cardinalityLimit: Int,
        requests: RequestConfiguration = RequestConfiguration(environment: [:]),
        exponentialHistograms: Bool = false,
        log: Log,
        timeSource: any TimeSource = SystemTimeSource()
    ) {
        self.timeSource = timeSource
        nanoseconds = timeSource.monotonicClock
        startTime = timeSource.unixNanoseconds
        dateOfZero = Locked(startTime &- nanoseconds())
        invalidInput = FailureLog(log: log, timeSource: timeSource)
        shareHint = ShareHint(log: log)
        cardinality = CardinalityWarnings(log, limit: cardinalityLimit)
        self.log = log
        requestConfiguration = requests
        state = Locked(
            State(
                kvCacheUsage: SeriesTable(limit: cardinalityLimit),
                requests: RequestStore(requests, limit: cardinalityLimit, isExponential: exponentialHistograms),
                recorded: RecordedServers(limit: cardinalityLimit, processStart: startTime),
                gpus: RecordedGPUs(limit: cardinalityLimit)
            )
        )
    }

    // MARK: KV-cache usage

    /// Sets how much of a model's KV cache is in use (`gen_ai.server.kv_cache.usage`).
    ///
    /// ```swift
    /// let (usedBlocks, allBlocks) = (1_250, 2_000)
    /// metrics.setKVCacheUsage(model: "llama-3", percent: 100 * Double(usedBlocks) / Double(allBlocks))
    /// ```
    ///
    /// - Parameters:
    ///   - model: the model's name, attribute `model`. It is cut to 256 bytes of UTF-8. An empty one is ignored with a
    ///     warning.
    ///   - percent: 0 to 100. Values outside are clamped; NaN and infinities are ignored with a warning.
    public func setKVCacheUsage(model: String, percent: Double) {
        guard let percent = percent.asPercentage else {
            return invalidInput.failed(.warning, "KV-cache usage \(percent) of \(quoted(model)) is ignored")
        }
        guard !model.isEmpty else {
            return invalidInput.failed(.warning, "KV-cache usage without a model's name is ignored")
        }
        // Only long names are cut: cutting always would retain and release the name.
        guard model.utf8.count <= Attribute.longestValue else {
            return setKVCacheUsage(model: Attribute.cut(model), percent: percent)
        }
        let isOverflow = state.withLock { state in
            let position = state.kvCacheUsage.position(of: model, initial: 0) { [Attribute("model", .string($0))] }
            state.kvCacheUsage[position] = percent
            return position == state.kvCacheUsage.overflowPosition
        }
        if isOverflow { cardinality.warn(of: .models) }
    }

    /// Forgets a model's KV-cache usage: it is no longer exported.
    ///
    /// ```swift
    /// metrics.removeModel("llama-3")  // unloaded
    /// ```
    ///
    /// - Parameter model: the name that ``setKVCacheUsage(model:percent:)`` was given. An unknown one is ignored.
    public func removeModel(_ model: String) {
        let model = Attribute.cut(model)
        state.withLock { $0.kvCacheUsage.remove(model) }
    }

    /// The KV-cache usage in percent, 0 to 100, that the application has set, by model.
    public var kvCacheUsage: [String: Double] {
        let series = state.withLock { $0.kvCacheUsage.series }
        var result: [String: Double] = [:]
        for position in series.values.indices {
            // The point that stands for the models beyond the limit has no name.
            guard case .string(let model) = series.attributes[position].first?.value else { continue }
            result[model] = series.values[position]
        }
        return result
    }

    // MARK: Requests

    /// Sets the number of requests that are being executed (`gen_ai.server.requests.running`), for servers that count them
    /// themselves. Tracked requests are counted automatically, and both numbers are added up.
    ///
    /// ```swift
    /// let batch = ["first prompt", "second prompt"]
    /// metrics.setRequestsRunning(batch.count)
    /// ```
    ///
    /// - Parameter count: 0 or more; less becomes 0.
    public func setRequestsRunning(_ count: Int) { state.withLock { $0.requestsRunning = max(count, 0) } }

    /// Sets the number of requests that wait in the queue (`gen_ai.server.requests.waiting`), for servers that count them
    /// themselves. Tracked requests are counted automatically, and both numbers are added up.
    ///
    /// ```swift
    /// let queue = ["first prompt", "second prompt"]
    /// metrics.setRequestsWaiting(queue.count)
    /// ```
    ///
    /// - Parameter count: 0 or more; less becomes 0.
    public func setRequestsWaiting(_ count: Int) { state.withLock { $0.requestsWaiting = max(count, 0) } }

    /// Sets the most requests that can be executed at once (`gen_ai.server.requests.max`).
    ///
    /// Nothing is exported before the first call: queries for the share of the capacity would divide by 0.
    ///
    /// ```swift
    /// metrics.setRequestsMax(32)
    /// ```
    ///
    /// - Parameter count: 0 or more; less becomes 0.
    public func setRequestsMax(_ count: Int) { state.withLock { $0.requestsMax = max(count, 0) } }

    /// Adds to the number that ``setRequestsRunning(_:)`` sets.
    ///
    /// Prefer ``trackRequest(model:operation:attributes:_:)``, which can't miss the end of a request.
    ///
    /// ```swift
    /// func serve(_ answer: () throws -> String) rethrows -> String {
    ///     metrics.incrementRequestsRunning()
    ///     defer { metrics.decrementRequestsRunning() }
    ///     return try answer()
    /// }
    /// ```
    ///
    /// - Parameter delta: how many; a negative number subtracts. The result is clamped to 0 through `Int.max`.
    public func incrementRequestsRunning(by delta: Int = 1) {
        state.withLock { $0.requestsRunning = $0.requestsRunning.addingAsCount(delta) }
    }

    /// Subtracts from the number that ``setRequestsRunning(_:)`` sets; see ``incrementRequestsRunning(by:)``.
    ///
    /// - Parameter delta: how many; a negative number adds. The result is clamped to 0 through `Int.max`.
    public func decrementRequestsRunning(by delta: Int = 1) {
        state.withLock { $0.requestsRunning = $0.requestsRunning.subtractingAsCount(delta) }
    }

    /// Adds to the number that ``setRequestsWaiting(_:)`` sets.
    ///
    /// Prefer ``enqueueRequest(model:operation:attributes:)``, which also measures the time in the queue.
    ///
    /// ```swift
    /// metrics.incrementRequestsWaiting()
    /// // ... and when a slot is free:
    /// metrics.decrementRequestsWaiting()
    /// metrics.incrementRequestsRunning()
    /// ```
    ///
    /// - Parameter delta: how many; a negative number subtracts. The result is clamped to 0 through `Int.max`.
    public func incrementRequestsWaiting(by delta: Int = 1) {
        state.withLock { $0.requestsWaiting = $0.requestsWaiting.addingAsCount(delta) }
    }

    /// Subtracts from the number that ``setRequestsWaiting(_:)`` sets; see ``incrementRequestsWaiting(by:)``.
    ///
    /// - Parameter delta: how many; a negative number adds. The result is clamped to 0 through `Int.max`.
    public func decrementRequestsWaiting(by delta: Int = 1) {
        state.withLock { $0.requestsWaiting = $0.requestsWaiting.subtractingAsCount(delta) }
    }

    /// The number of requests that are being executed, 0 or more: what the application has set, and tracked requests.
    public var requestsRunning: Int { state.withLock { $0.totalRunning } }

    /// The number of requests that wait, 0 or more: what the application has set, and tracked requests.
    public var requestsWaiting: Int { state.withLock { $0.totalWaiting } }

    /// The most requests that can be executed at once, 0 or more; nil until it is set.
    public var requestsMax: Int? { state.withLock { $0.requestsMax } }

    // MARK: Polled servers

    /// The newest reading of every polled server, in the order in which the servers were first seen.
    public var readings: [ServerReading] { state.withLock { $0.recorded.servers }.map(\.reading) }

    /// Records what was read from a server. It replaces the earlier reading of the same server.
    ///
    /// ``instrument(_:)`` connects its own pollers to this. Call it in an application that polls servers by itself; a
    /// ``ServerMetricsSource`` is often simpler.
    ///
    /// Thread-safe. Request handlers never wait for it, however many models the reading has.
    ///
    /// ```swift
    /// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)
    /// metrics.record(ServerReading(server: server, models: [ModelReading(model: "llama-3", requestsRunning: 3)]))
    /// ```
    ///
    /// - Parameter reading: names are cut to 256 bytes of UTF-8, percentages and counts are clamped, and what means nothing
    ///   is left out.
    public func record(_ reading: ServerReading) {
        let reading = reading.sanitized()
        let isWithinLimit = change(\.recorded) {
            $0.record(reading, at: timeSource.now, time: timeSource.unixNanoseconds)
        }
        if !isWithinLimit { cardinality.warn(of: .recorded) }
    }

    /// Removes everything that was recorded of a server: from now on it has no points, not even `gen_ai.server.up`.
    ///
    /// For an application that polls by itself and will not ask this server again, or that knows it under another identity
    /// from now on. Thread-safe.
    ///
    /// ```swift
    /// metrics.withdraw(ServerIdentity(engine: "mine", address: "gpu-1", port: 8000))
    /// ```
    ///
    /// - Parameter server: the ``ServerReading/server`` of its readings. An unknown one is ignored.
    public func withdraw(_ server: ServerIdentity) {
        let server = server.sanitized()
        change(\.recorded) { $0.withdraw(server, time: timeSource.unixNanoseconds) }
    }

    // MARK: GPUs

    /// The newest reading of every GPU that is there, in the order in which they were first seen.
    public var gpus: [GPUReading] { state.withLock { $0.gpus.gpus }.filter(\.isPresent).map(\.reading) }

    /// Records what was read from a GPU. It replaces the earlier reading of the same GPU.
    ///
    /// ``instrument(_:)`` connects its own poller to this. Call it in an application that reads GPUs by itself. If the device
    /// starts counting energy or errors from 0 again, the exported counters continue where they were.
    ///
    /// Thread-safe. Request handlers never wait for it.
    ///
    /// ```swift
    /// var reading = GPUReading(id: "my-card", name: "Accelerator", vendor: "Mine", index: 0)
    /// reading.utilization = 0.5
    /// metrics.record(reading)
    /// ```
    ///
    /// - Parameter reading: texts are cut to 256 bytes of UTF-8. A reading with an empty id is ignored.
    public func record(_ reading: GPUReading) {
        guard let reading = reading.sanitized() else { return }
        let isWithinLimit = change(\.gpus) { $0.record(reading, time: timeSource.unixNanoseconds) }
        if !isWithinLimit { cardinality.warn(of: .gpus) }
    }

    /// Removes what was recorded of a GPU: from now on it has no points. Its counters continue if it is recorded again.
    ///
    /// Thread-safe.
    ///
    /// ```swift
    /// metrics.withdraw(gpu: "my-card")
    /// ```
    ///
    /// - Parameter id: its ``GPUReading/id``. An unknown one is ignored.
    public func withdraw(gpu id: String) {
        change(\.gpus) { $0.withdraw(Attribute.cut(id)) }
    }

    /// Builds the new list beside the old one and exchanges the two in one step.
    private func change<List: Sendable, Result>(
        _ list: WritableKeyPath<State, List>,
        _ change: (inout List) -> Result
    ) -> Result {
        recording.withLock { _ in
            var changed = state.withLock { $0[keyPath: list] }
            let result = change(&changed)
            // The old list comes out here, so that it is freed without the lock.
            state.withLock { swap(&$0[keyPath: list], &changed) }
            return result
        }
    }

    // MARK: Export

    /// The values as they are now.
    ///
    /// - Parameters:
    ///   - time: the snapshot's timestamp, in nanoseconds since 1970; nil for now.
    ///   - exemplarsAfter: the ``MetricSnapshot/moment`` of the snapshot before; nil for the newest exemplars.
    package func snapshot(time: UInt64? = nil, exemplarsAfter: UInt64? = nil) -> MetricSnapshot {
        let values = state.withLock { $0.values(at: nanoseconds()) }
        let date = timeSource.unixNanoseconds
        let now = timeSource.now
        let builder = SnapshotBuilder(
            values,
            startTime: startTime,
            now: now,
            exemplarsAfter: exemplarsAfter,
            dateOfZero: dateOfZero(date, at: values.moment)
        )
        // Last, because it may call the application's log handler.
        shareHint.look(at: values.kvCacheUsage, now: now)
        return builder.build(time: time ?? date)
    }

    /// The date when the collector's clock stood at 0. It stays the same unless somebody sets the date: an exemplar must have
    /// the same date in every export and scrape.
    private func dateOfZero(_ date: UInt64, at moment: UInt64) -> UInt64 {
        let found = date &- moment
        return dateOfZero.withLock { known in
            if max(known, found) - min(known, found) > 1_000_000_000 { known = found }
            return known
        }
    }
}
