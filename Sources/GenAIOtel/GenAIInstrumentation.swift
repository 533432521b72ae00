// A running instrumentation: the collector, the pollers and the exporters, connected to each other.

import EnginePoller
import Foundation
import GPUPoller
import OllamaPoller

/// What ``instrument(_:)`` has started: the collector, the pollers and the exporters.
///
/// Keep it to flush and to shut down, or just let the process exit: the last values are exported then too, for at most
/// two seconds. Every method is thread-safe.
///
/// ```swift
/// let instrumentation = instrument()
/// instrumentation.serverMetrics.setRequestsMax(32)
/// // ... serve until the server is told to stop, and then:
/// let isDelivered = await instrumentation.shutdown(timeout: .seconds(5))
/// ```
public final class GenAIInstrumentation: Sendable {
    /// The collector that request handlers write to.
    ///
    /// After `shutdown(timeout:)` it still takes values. Nothing exports them, but ``prometheusText()`` shows them.
    public let serverMetrics: ServerMetricsCollector

    private let exporter: PeriodicExporter?
    private let prometheusEncoder: PrometheusTextEncoder
    private let ollama: OllamaServerMetricsPoller?
    private let engines: EngineServerMetricsPoller?
    private let gpus: GPUMetricsPoller?
    private let log: Log
    private let logGate: LogGate
    private let secondStarts: FailureLog
    private let startNote: StartNote
    private let onShutdown: @Sendable (GenAIInstrumentation) -> Void
    private let shutdownResult = Monitor(ShutdownState.notYet)

    private enum ShutdownState {
        case notYet, underWay
        case done(Bool)
    }

    /// Wires the parts. Starts nothing and calls no code of the application's. Log lines wait for ``start()``: only then
    /// can a log handler find the instrumentation.
    package init(
        _ configuration: GenAIConfiguration,
        timeSource: any TimeSource = SystemTimeSource(),
        onShutdown: @escaping @Sendable (GenAIInstrumentation) -> Void = { _ in }
    ) {
        let configuration = configuration.validated()
        let logGate = LogGate(configuration.logHandler)
        let log = Log(level: configuration.logLevel, handler: logGate.write)
        let collector = ServerMetricsCollector(
            cardinalityLimit: configuration.cardinalityLimit,
            requests: configuration.requests,
            exponentialHistograms: configuration.exporters.contains(.otlp)
                && configuration.otlp.histogramAggregation == .base2Exponential,
            log: log,
            timeSource: timeSource
        )
        let clock = SnapshotClock(timeSource, after: collector.startTime)
        let lastCollected = Locked<UInt64?>(nil)
        let resource = Resource(configuration)
        for warning in configuration.warnings { log.warning(warning) }
        let sendsOwnMetrics = configuration.exporters.contains(.otlp) && configuration.otlp.exportsOwnMetrics
        let ownMetrics =
            sendsOwnMetrics ? OwnMetrics(configuration.otlp, startTime: collector.startTime) : nil
        let exporters = Self.exporters(configuration, resource, ownMetrics, log, timeSource)

        self.log = log
        self.logGate = logGate
        secondStarts = FailureLog(log: log, timeSource: timeSource)
        startNote = StartNote(configuration, sendsOTLP: exporters.contains { $0 is OTLPHTTPExporter })
        self.onShutdown = onShutdown
        serverMetrics = collector
        prometheusEncoder = PrometheusTextEncoder(resource: resource)
        exporter =
            exporters.isEmpty
            ? nil
            : PeriodicExporter(
                exporters: exporters,
                interval: configuration.exportInterval,
                timeout: configuration.exportTimeout,
                timeSource: timeSource,
                log: log.about(["component": "exporter"]),
                collect: {
                    let begin = timeSource.now
                    let last = lastCollected.withLock { $0 }
                    var snapshot = collector.snapshot(time: clock.next(), exemplarsAfter: last)
                    lastCollected.withLock { [moment = snapshot.moment] in $0 = moment }
                    ownMetrics?.add(to: &snapshot, collectedIn: begin.duration(to: timeSource.now))
                    return snapshot
                }
            )
        if configuration.isDisabled {
            ollama = nil
            engines = nil
            gpus = nil
        } else {
            ollama = configuration.ollama.map {
                OllamaServerMetricsPoller($0, log: log, onReading: Self.recorder(of: $0, collector))
            }
            engines = EngineServerMetricsPoller(
                targets: configuration.engines,
                sources: configuration.sources,
                log: log,
                onReading: collector.record,
                onWithdrawal: collector.withdraw
            )
            gpus = configuration.gpus.map {
                GPUMetricsPoller($0, log: log, onReading: collector.record, onWithdrawal: collector.withdraw(gpu:))
            }
        }
    }

    /// Starts the threads, unless they were shut down already. Must not be called under a lock.
    package func start() {
        logGate.open()
        log.info(startNote.text)
        ollama?.start()
        engines?.start()
        gpus?.start()
        if exporter?.start() == false { log.error("Metrics are not exported: the system can't start another thread") }
    }

    /// Logs at most once a minute: a log handler that calls `instrument()` must not cause an endless loop.
    func logSecondStart() {
        secondStarts.failed(
            .warning,
            "instrument() was called again: the configuration of the first call is still used"
        )
    }

    /// Replaces the engines that are polled, for engines that come and go.
    ///
    /// New ones are polled at once. Missing ones are withdrawn: they have no points from then on. The others continue
    /// without a gap.
    ///
    /// Never blocks on the network. Does nothing after `shutdown(timeout:)`, or if ``GenAIConfiguration/isDisabled`` is
    /// set. Thread-safe.
    ///
    /// ```swift
    /// let pods = ["vllm-0", "vllm-1"]
    /// instrumentation.setEngines(
    ///     pods.compactMap { pod in
    ///         URL(string: "http://\(pod):8000/metrics").map { EngineTarget(url: $0, attributes: ["pod": pod]) }
    ///     }
    /// )
    /// ```
    ///
    /// - Parameter targets: all engines to poll from now on. Unusable ones are left out with a warning; see
    ///   ``EngineServerMetricsPoller/setTargets(_:)``.
    public func setEngines(_ targets: [EngineTarget]) { engines?.setTargets(targets) }

    /// Counts of exports so far; all 0 if nothing is exported. Thread-safe.
    public var exportStatistics: ExportStatistics { exporter?.statistics ?? ExportStatistics() }

    /// The current values in the Prometheus text format, version 0.0.4: the answer of a `/metrics` route.
    ///
    /// Serve it with `Content-Type: text/plain; version=0.0.4; charset=utf-8`. Works with any exporters or none, and
    /// after `shutdown(timeout:)`. Sums and histograms are always cumulative.
    ///
    /// Thread-safe. A call costs as much as an export, but request handlers never wait for it.
    ///
    /// ```swift
    /// let contentType = "text/plain; version=0.0.4; charset=utf-8"
    /// let body = instrumentation.prometheusText()
    /// ```
    ///
    /// - Returns: the page. It is never empty and ends with a line feed.
    public func prometheusText() -> String {
        // Not at the exporters' clock, which must not advance.
        prometheusEncoder.encode(serverMetrics.snapshot())
    }

    /// The current values as OpenMetrics 1.0: like ``prometheusText()``, but with exemplars. Thread-safe.
    ///
    /// Each bucket of tracked requests' histograms has its newest exemplar. Prometheus stores them with
    /// `--enable-feature=exemplar-storage`.
    ///
    /// Serve it with `Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8`, and only to clients whose
    /// `Accept` header names that format:
    ///
    /// ```swift
    /// func page(accept: String) -> String {
    ///     accept.contains("application/openmetrics-text")
    ///         ? instrumentation.openMetricsText() : instrumentation.prometheusText()
    /// }
    /// ```
    ///
    /// - Returns: the page, up to its last line, `# EOF`.
    public func openMetricsText() -> String {
        prometheusEncoder.encode(serverMetrics.snapshot(), as: .openMetrics)
    }

    /// Exports the current values now and waits until they are delivered.
    ///
    /// Thread-safe. It blocks the calling thread: asynchronous code calls the form with `await`. It must not be called from
    /// a log handler, which it would wait for.
    ///
    /// ```swift
    /// // The last lines of a batch job.
    /// func report(_ count: Int) {
    ///     metrics.setRequestsRunning(count)
    ///     if !instrumentation.forceFlush(timeout: .seconds(2)) { print("not delivered") }
    /// }
    /// ```
    ///
    /// - Parameter timeout: the longest time to block, from 0 to a year.
    /// - Returns: true if every exporter has delivered them, and if there is no exporter. Points that the receiver rejected
    ///   (``ExportStatistics/pointsRejected``) count as delivered. False after `shutdown(timeout:)`.
    @discardableResult
    public func forceFlush(timeout: Duration = .seconds(5)) -> Bool {
        guard case .notYet = shutdownResult.read({ $0 }) else { return false }
        return exporter?.flush(timeout: timeout.withinAYear) ?? true
    }

    /// Exports the current values now and waits until they are delivered, without blocking a thread of the task's executor.
    ///
    /// Thread-safe. A cancelled task waits all the same, at most until the timeout.
    ///
    /// ```swift
    /// let isDelivered = await instrumentation.forceFlush(timeout: .seconds(2))
    /// ```
    ///
    /// - Parameter timeout: the longest time to wait, from 0 to a year.
    /// - Returns: as for the form that blocks: true if every exporter has delivered them.
    @discardableResult
    public func forceFlush(timeout: Duration = .seconds(5)) async -> Bool {
        await DetachedThread.value { self.forceFlush(timeout: timeout) }
    }

    /// Stops the pollers, exports the last values and ends all threads.
    ///
    /// ``getServerMetrics()`` is nil afterwards, and ``instrument(_:)`` can be called again.
    ///
    /// Thread-safe. Further calls wait for the first one, for as long as their own timeout, and return its result. It blocks
    /// the calling thread: asynchronous code calls the form with `await`. It must not be called from a log handler or a
    /// source, which it would wait for.
    ///
    /// ```swift
    /// signal(SIGTERM, SIG_IGN)
    /// let signals = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
    /// signals.setEventHandler {
    ///     instrumentation.shutdown(timeout: .seconds(5))
    ///     exit(0)
    /// }
    /// signals.resume()
    /// ```
    ///
    /// - Parameter timeout: the time limit of the last export, from 0 to a year. Ending the threads takes some
    ///   milliseconds more.
    /// - Returns: true only if the last values were delivered and all threads have ended.
    @discardableResult
    public func shutdown(timeout: Duration = .seconds(5)) -> Bool {
        let timeout = timeout.withinAYear
        let isFirst = shutdownResult.mutate { state in
            guard case .notYet = state else { return false }
            state = .underWay
            return true
        }
        guard isFirst else {
            return shutdownResult.wait(until: .now + timeout) { state in
                if case .done(let result) = state { result } else { nil }
            } ?? false
        }
        let result = stopThreads(timeout: timeout)
        onShutdown(self)
        shutdownResult.mutate { $0 = .done(result) }
        return result
    }

    /// Tells the pollers to stop first, so that the last values no longer change, and waits for them last.
    private func stopThreads(timeout: Duration) -> Bool {
        let deadline = ContinuousClock.now + timeout
        ollama?.close()
        engines?.close()
        gpus?.close()
        let isDelivered = exporter?.shutdown(timeout: timeout) ?? true
        // A poll that is cancelled ends in some milliseconds, which it is given even if the time is up.
        func remaining() -> Duration { max(ContinuousClock.now.duration(to: deadline), .milliseconds(50)) }
        let hasOllamaEnded = ollama?.stop(timeout: remaining()) ?? true
        let haveEnginesEnded = engines?.stop(timeout: remaining()) ?? true
        let haveGPUsEnded = gpus?.stop(timeout: remaining()) ?? true
        return isDelivered && hasOllamaEnded && haveEnginesEnded && haveGPUsEnded
    }

    /// Stops the pollers, exports the last values and ends all threads, without blocking a thread of the task's executor.
    ///
    /// Thread-safe. A cancelled task waits all the same, at most until the timeout.
    ///
    /// ```swift
    /// let isDelivered = await instrumentation.shutdown(timeout: .seconds(5))
    /// ```
    ///
    /// - Parameter timeout: the time limit of the last export, from 0 to a year. Ending the threads takes some
    ///   milliseconds more.
    /// - Returns: true only if the last values were delivered and all threads have ended.
    @discardableResult
    public func shutdown(timeout: Duration = .seconds(5)) async -> Bool {
        await DetachedThread.value { self.shutdown(timeout: timeout) }
    }
}

extension GenAIInstrumentation {
    /// Records the readings of Ollama. If nobody has configured one, it is not reported until it has answered: otherwise
    /// every machine without Ollama would report a server that is down.
    static func recorder(
        of ollama: OllamaConfiguration,
        _ collector: ServerMetricsCollector
    ) -> @Sendable (ServerReading) -> Void {
        guard !ollama.isConfigured else { return collector.record }
        let hasAnswered = Locked(false)
        return { reading in
            let isThere = hasAnswered.withLock { hasAnswered in
                if reading.isUp { hasAnswered = true }
                return hasAnswered
            }
            if isThere { collector.record(reading) }
        }
    }

    private static func exporters(
        _ configuration: GenAIConfiguration,
        _ resource: Resource,
        _ ownMetrics: OwnMetrics?,
        _ log: Log,
        _ timeSource: any TimeSource
    ) -> [any SnapshotExporter] {
        guard !configuration.isDisabled else { return [] }
        var result: [any SnapshotExporter] = []
        if configuration.exporters.contains(.console) {
            result.append(ConsoleExporter(serviceName: configuration.serviceName))
        }
        if configuration.exporters.contains(.otlp) {
            do {
                let exporter = try OTLPHTTPExporter(
                    configuration.otlp,
                    resource: resource,
                    ownMetrics: ownMetrics,
                    log: log,
                    timeSource: timeSource
                )
                result.append(exporter)
            } catch let problem as HTTPEndpoint.Invalid {
                log.error("OTLP export is off: the endpoint \(problem)")
            } catch {
                log.error("OTLP export is off: \(error)")
            }
        }
        return result
    }
}
