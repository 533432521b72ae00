// The heart of the package: what request handlers write to and exporters read from.

import GPUPoller
import GenAISupport
import Synchronization

/// Holds the current values of all metrics.
///
/// Every method is thread-safe, returns at once and accepts any input: a value out of range is brought into it, one that
/// means nothing is ignored with a warning. A call costs one uncontended lock and a few stores; exporting, however much
/// there is to export, does not hold that lock for longer than it takes to copy the references.
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

        /// What the application has set and what is tracked are apart, so that setting a count can't upset the tracking.
        var totalRunning: Int { requestsRunning.addingAsCount(requests.running) }
        var totalWaiting: Int { requestsWaiting.addingAsCount(requests.waiting) }

        /// What a snapshot needs: references and numbers.
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
    /// Held while the list of polled servers is made anew. Who sets values never waits for it.
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

    /// Sets how much of a model's KV cache is in use.
    ///
    /// - Parameters:
    ///   - model: the model's name, not empty; what is longer than 256 bytes of UTF-8 is cut.
    ///   - percent: 0 to 100; values outside are clamped, NaN and infinities are ignored with a warning.
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

    /// Forgets a model's KV-cache usage: it is no longer exported. Unknown names are ignored.
    public func removeModel(_ model: String) {
        let model = Attribute.cut(model)
        state.withLock { $0.kvCacheUsage.remove(model) }
    }

    /// The KV-cache usage in percent that the application has set, by model.
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

    /// Sets the number of requests that are being executed, beside those that are tracked; negative counts become 0.
    public func setRequestsRunning(_ count: Int) { state.withLock { $0.requestsRunning = max(count, 0) } }

    /// Sets the number of requests that wait in the queue, beside those that are tracked; negative counts become 0.
    public func setRequestsWaiting(_ count: Int) { state.withLock { $0.requestsWaiting = max(count, 0) } }

    /// Sets the most requests that can be executed at once; negative counts become 0.
    ///
    /// Nothing is exported before the first call: a 0 would make every query for the share of the capacity divide by it.
    public func setRequestsMax(_ count: Int) { state.withLock { $0.requestsMax = max(count, 0) } }

    /// Adds to the requests that are being executed. The result is held between 0 and `Int.max`.
    public func incrementRequestsRunning(by delta: Int = 1) {
        state.withLock { $0.requestsRunning = $0.requestsRunning.addingAsCount(delta) }
    }

    /// Takes from the requests that are being executed. The result is held between 0 and `Int.max`.
    public func decrementRequestsRunning(by delta: Int = 1) {
        state.withLock { $0.requestsRunning = $0.requestsRunning.subtractingAsCount(delta) }
    }

    /// Adds to the requests that wait. The result is held between 0 and `Int.max`.
    public func incrementRequestsWaiting(by delta: Int = 1) {
        state.withLock { $0.requestsWaiting = $0.requestsWaiting.addingAsCount(delta) }
    }

    /// Takes from the requests that wait. The result is held between 0 and `Int.max`.
    public func decrementRequestsWaiting(by delta: Int = 1) {
        state.withLock { $0.requestsWaiting = $0.requestsWaiting.subtractingAsCount(delta) }
    }

    /// The number of requests that are being executed: what the application set, 0 at first, and those that are tracked.
    public var requestsRunning: Int { state.withLock { $0.totalRunning } }

    /// The number of requests that wait: what the application set, 0 at first, and those that are tracked.
    public var requestsWaiting: Int { state.withLock { $0.totalWaiting } }

    /// The most requests that can be executed at once; nil until it is set.
    public var requestsMax: Int? { state.withLock { $0.requestsMax } }

    // MARK: Polled servers

    /// The newest reading of every polled server, in the order in which the servers were first seen.
    public var readings: [ServerReading] { state.withLock { $0.recorded.servers }.map(\.reading) }

    /// Takes over what a poller has read; it replaces the earlier reading of the same server.
    ///
    /// `instrument()` connects its own pollers to this. An application that polls servers by itself calls it too.
    /// Names are cut to 256 bytes, percentages and counts brought into range, what means nothing is left out. Thread-safe;
    /// nobody who sets values waits for it, however many models the reading has.
    ///
    /// ```swift
    /// let server = ServerIdentity(engine: "mine", address: "gpu-1", port: 8000)
    /// metrics.record(ServerReading(server: server, models: [ModelReading(model: "llama-3", requestsRunning: 3)]))
    /// ```
    public func record(_ reading: ServerReading) {
        let reading = reading.sanitized()
        let isWithinLimit = change(\.recorded) {
            $0.record(reading, at: timeSource.now, time: timeSource.unixNanoseconds)
        }
        if !isWithinLimit { cardinality.warn(of: .recorded) }
    }

    /// Takes back everything that was recorded of a server: from now on it has no points, not even `gen_ai.server.up`.
    ///
    /// For an application that polls by itself and will not ask this server again, or that knows it under another identity
    /// from now on. Unknown servers are ignored. Thread-safe.
    ///
    /// ```swift
    /// metrics.withdraw(ServerIdentity(engine: "mine", address: "gpu-1", port: 8000))
    /// ```
    public func withdraw(_ server: ServerIdentity) {
        let server = server.sanitized()
        change(\.recorded) { $0.withdraw(server, time: timeSource.unixNanoseconds) }
    }

    // MARK: GPUs

    /// The newest reading of every GPU that is there, in the order in which they were first seen.
    public var gpus: [GPUReading] { state.withLock { $0.gpus.gpus }.filter(\.isPresent).map(\.reading) }

    /// Takes over what was read of a GPU; it replaces the earlier reading of the same one.
    ///
    /// `instrument()` connects its own poller to this. An application that reads GPUs by itself calls it too. Texts are cut to
    /// 256 bytes; a reading without an id is left out. Counters go on where they were if the device begins anew. Thread-safe;
    /// nobody who sets values waits for it.
    ///
    /// ```swift
    /// var reading = GPUReading(id: "my-card", name: "Accelerator", vendor: "Mine", index: 0)
    /// reading.utilization = 0.5
    /// metrics.record(reading)
    /// ```
    public func record(_ reading: GPUReading) {
        guard let reading = reading.sanitized() else { return }
        let isWithinLimit = change(\.gpus) { $0.record(reading, time: timeSource.unixNanoseconds) }
        if !isWithinLimit { cardinality.warn(of: .gpus) }
    }

    /// Takes back what was recorded of a GPU: from now on it has no points. What it counts goes on if it is recorded again.
    ///
    /// Unknown GPUs are ignored. Thread-safe.
    ///
    /// - Parameter id: its ``GPUReading/id``.
    public func withdraw(gpu id: String) {
        change(\.gpus) { $0.withdraw(Attribute.cut(id)) }
    }

    /// Makes the new list beside the old one, and exchanges the two in one step.
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
    ///   - time: what the snapshot is stamped with, in nanoseconds since 1970; nil for the date.
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
    /// one date, whoever is told of it.
    private func dateOfZero(_ date: UInt64, at moment: UInt64) -> UInt64 {
        let found = date &- moment
        return dateOfZero.withLock { known in
            if max(known, found) - min(known, found) > 1_000_000_000 { known = found }
            return known
        }
    }
}
