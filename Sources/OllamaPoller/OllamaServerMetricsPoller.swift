// The poller of Ollama: a background thread.

import Foundation
import GPUPoller

/// Polls an Ollama server in the background and passes its readings on.
///
/// Each poll sends `GET /api/ps` and calls `onReading`. A reading has the number of loaded models and, for each model, its
/// bytes of GPU memory and their share of the total in percent. That is weights, KV cache and buffers together: Ollama
/// reports only their sum. The total is ``OllamaConfiguration/maxVRAMGibibytes``, or it is detected after Ollama's first
/// answer.
///
/// On Linux, the runners of an Ollama on this machine are read too, for requests and tokens
/// (``OllamaConfiguration/readsRunners``). If Ollama can't be read, the reading is down; if it is busy, the reading is up
/// without figures.
///
/// Thread-safe. `onReading` is called on the poller's thread, named `genai-ollama`; the next poll waits for it. Polling
/// ends with ``stop(timeout:)`` or with the last reference to the poller.
///
/// ```swift
/// let poller = OllamaServerMetricsPoller { reading in
///     for model in reading.models { print(model.model ?? "?", model.kvCacheUsage ?? 0, "% of the GPU memory") }
/// }
/// poller.start()
/// // ... and when it is no longer needed:
/// poller.stop()
/// ```
public final class OllamaServerMetricsPoller: Sendable {
    private let log: Log
    /// Nil if the URL or the certificate file is unusable.
    private let server: PolledServer?
    /// The lines about the configuration that are not logged yet: none after the first start.
    private let notes: Locked<[OllamaTarget.Note]>

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - configuration: where to poll and how often; by default the environment's. With an unusable URL or certificate file
    ///     nothing is polled, and an error says so. Other unusable values are replaced by their defaults, with a warning.
    ///   - logLevel: the least important level that is logged; nil logs nothing. By default ``LogLevel/info``.
    ///   - logHandler: receives the lines; by default they are written to standard error.
    ///   - onReading: receives one reading per poll.
    public convenience init(
        _ configuration: OllamaConfiguration = OllamaConfiguration(),
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(configuration, log: log, onReading: onReading)
    }

    /// With the parts that tests replace.
    package init(
        _ configuration: OllamaConfiguration,
        log: Log,
        timeSource: any TimeSource = SystemTimeSource(),
        timeLimit: Duration = OllamaPoll.timeLimit,
        detector: VRAMDetector = VRAMDetector(
            locations: GPULocations(environment: ProcessInfo.processInfo.environment)
        ),
        processRoot: String = RunnerProcesses.systemRoot,
        calls: DriverCalls = .shared,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        let log = log.about(["component": "ollama"])
        self.log = log
        let (target, notes) = OllamaTarget.check(configuration)
        self.notes = Locked(notes)
        server = target.map { target in
            PolledServer(
                threadName: "genai-ollama",
                log: log,
                timeSource: timeSource,
                onReading: onReading,
                // Its identity stays the same.
                onWithdrawal: { _ in }
            ) { _ in
                OllamaPoll(
                    target,
                    detector: detector,
                    processRoot: processRoot,
                    calls: calls,
                    timeLimit: timeLimit,
                    log: log,
                    timeSource: timeSource
                )
            }
        }
    }

    deinit { requestStop() }

    /// Whether the thread is running: true from ``start()`` until the last thread has ended.
    public var isRunning: Bool { server?.isRunning ?? false }

    /// Starts the thread and polls at once, then at the interval.
    ///
    /// Does nothing if the poller is running. Never blocks. It can be started again after a stop. If the system has no thread
    /// left, an error is logged and ``isRunning`` stays false.
    public func start() {
        let notes = notes.withLock { notes in
            defer { notes = [] }
            return notes
        }
        for note in notes { log.write(note.level) { note.text } }
        if server?.start() == false { log.error("Ollama is not polled: the system can't start another thread") }
    }

    /// Stops polling and waits until the thread has ended; does nothing if the poller does not run.
    ///
    /// - Parameter timeout: the longest time to block the calling thread, from 0 to a year; by default 5 seconds.
    /// - Returns: true if all threads have ended, so that no reading follows. False if one was still busy after
    ///   `timeout`, or if this is called from `onReading`; the thread then ends as soon as its work returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool { server?.stop(timeout: timeout) ?? true }

    /// Tells the thread to stop, without waiting for it.
    package func requestStop() { server?.requestStop() }

    /// Like ``requestStop()``, and forever: later starts do nothing.
    package func close() {
        notes.withLock { $0 = [] }
        server?.close()
    }
}
