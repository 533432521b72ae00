// The poller: a background thread that looks at Ollama again and again.

import Foundation

/// Polls an Ollama server in the background and hands over what it sees.
///
/// At each turn it GETs `/api/ps` and calls `onReading`: for every loaded model the share of the GPU memory that it occupies
/// in percent (weights, KV cache and buffers together: Ollama tells no more) and its bytes; the number of loaded models; or
/// that the server is down. Total GPU memory is the configured one, or it is detected on the poller's thread when Ollama
/// has answered for the first time.
///
/// Thread-safe. `onReading` is called on the poller's thread, named `genai-ollama`; the next poll waits for it. Polling ends
/// with ``stop(timeout:)`` or with the last reference to the poller.
///
/// ```swift
/// let poller = OllamaServerMetricsPoller { reading in
///     for model in reading.models { print(model.model ?? "?", model.kvCacheUsage ?? 0) }
/// }
/// poller.start()
/// ```
public final class OllamaServerMetricsPoller: Sendable {
    private let configuration: OllamaConfiguration
    private let log: Log
    /// Nil if the URL can't be used.
    private let server: PolledServer?
    private let isConfigurationLogged = Locked(false)

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - configuration: where to poll and how often; what can't be used in it is replaced by the default and logged.
    ///   - logLevel: the least important lines that are logged.
    ///   - logHandler: receives the lines; the default writes them to standard error.
    ///   - onReading: receives one reading a poll.
    ///   - onWithdrawal: receives the identity of a server that is no longer polled. Ollama's does not change, and a stop
    ///     withdraws nothing, so it is not called; it is there as it is for other pollers.
    public convenience init(
        _ configuration: OllamaConfiguration = OllamaConfiguration(),
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void = { _ in }
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(configuration, log: log, onReading: onReading, onWithdrawal: onWithdrawal)
    }

    /// The same with what tests replace.
    package init(
        _ configuration: OllamaConfiguration,
        log: Log,
        timeSource: any TimeSource = SystemTimeSource(),
        timeLimit: Duration = OllamaPoll.timeLimit,
        detector: VRAMDetector = VRAMDetector(
            locations: VRAMLocations(environment: ProcessInfo.processInfo.environment)
        ),
        onReading: @escaping @Sendable (ServerReading) -> Void,
        onWithdrawal: @escaping @Sendable (ServerIdentity) -> Void = { _ in }
    ) {
        let log = log.about(["component": "ollama"])
        self.configuration = configuration
        self.log = log
        // What is to be said about the configuration waits for the start.
        server = OllamaTarget(configuration, Log(level: nil)).map { target in
            PolledServer(
                threadName: "genai-ollama",
                log: log,
                timeSource: timeSource,
                onReading: onReading,
                onWithdrawal: onWithdrawal
            ) { _ in
                OllamaPoll(target, detector: detector, timeLimit: timeLimit, log: log, timeSource: timeSource)
            }
        }
    }

    deinit { requestStop() }

    /// True from ``start()`` until the last thread has ended.
    public var isRunning: Bool { server?.isRunning ?? false }

    /// Starts the thread and polls at once; does nothing if the poller runs already. It can be started again after a stop.
    /// If the system has no thread left for it, that is logged and ``isRunning`` stays false.
    public func start() {
        let isFirst = isConfigurationLogged.withLock { isLogged in
            defer { isLogged = true }
            return !isLogged
        }
        if isFirst { _ = OllamaTarget(configuration, log) }
        if server?.start() == false { log.error("Ollama is not polled: the system starts no more threads") }
    }

    /// Stops polling and waits until the thread has ended; does nothing if the poller does not run.
    ///
    /// - Parameter timeout: the longest that this blocks; 0 or more, at most a year.
    /// - Returns: true if no thread of this poller is left: no reading comes any more. False if one was still busy after
    ///   `timeout`, or if this is called from `onReading`: it then ends as soon as what it is in returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool { server?.stop(timeout: timeout) ?? true }

    /// Tells the thread to stop, without waiting for it.
    package func requestStop() { server?.requestStop() }

    /// Like ``requestStop()``, and no ``start()`` does anything after it.
    package func close() {
        isConfigurationLogged.withLock { $0 = true }
        server?.close()
    }
}
