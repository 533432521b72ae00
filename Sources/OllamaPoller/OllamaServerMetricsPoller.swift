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
public final class OllamaServerMetricsPoller: Sendable {
    /// One start of the poller, with connections of its own.
    private struct Life {
        let thread: RepeatingThread
        let transport: any HTTPTransport
        var isStopped = false
    }

    private let settings: OllamaSettings
    private let timeSource: any TimeSource
    private let log: Log
    /// Nil if the URL can't be used.
    private let poll: OllamaPoll?
    private let hasLoggedSettings = Locked(false)
    /// The last one runs; those before it were told to stop but have not yet ended.
    private let lives = Locked<[Life]>([])

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - configuration: where to poll and how often; what can't be used in it is replaced by the default and logged.
    ///   - logLevel: the least important lines that are logged.
    ///   - logHandler: receives the lines; the default writes them to standard error.
    ///   - onReading: receives one reading a poll.
    public convenience init(
        _ configuration: OllamaConfiguration = OllamaConfiguration(),
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(configuration, log: log, onReading: onReading)
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
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        let settings = OllamaSettings(configuration)
        self.settings = settings
        self.timeSource = timeSource
        self.log = log
        poll = settings.endpoint.map { endpoint in
            OllamaPoll(
                endpoint: endpoint,
                gpuMemory: GPUMemory(
                    configured: settings.maxVRAM,
                    isLocal: settings.isLocal,
                    detector: detector,
                    log: log,
                    timeSource: timeSource
                ),
                timeLimit: timeLimit,
                log: log,
                timeSource: timeSource,
                onReading: onReading
            )
        }
    }

    deinit { requestStop() }

    /// True from ``start()`` until the thread has ended.
    public var isRunning: Bool {
        lives.withLock { lives in lives.contains { $0.thread.isRunning } }
    }

    /// Starts the thread and polls at once; does nothing if the poller runs already. It can be started again after a stop.
    /// If the system has no thread left for it, that is logged and ``isRunning`` stays false.
    public func start() {
        let isFirst = hasLoggedSettings.withLock { hasLogged in
            defer { hasLogged = true }
            return !hasLogged
        }
        if isFirst { settings.log(to: log) }
        guard let poll else { return }
        let hasStarted = lives.withLock { lives in
            guard lives.last?.isStopped != false else { return true }
            // URLSession goes on with a TLS handshake that was given up. If the process ends meanwhile, and the application had
            // OpenSSL cleaned up at its end, that crashes.
            let isSecure = settings.endpoint?.url.scheme == "https"
            let makeTransport = isSecure ? HTTPTransports.best(userAgent:) : HTTPTransports.session(userAgent:)
            let transport = makeTransport(PackageInfo.userAgent)
            // Nothing here refers to the poller, so that it can go away.
            let thread = RepeatingThread(name: "genai-ollama", interval: settings.interval, timeSource: timeSource) {
                poll.run(transport, $0)
            }
            guard thread.start() else { return false }
            lives.append(Life(thread: thread, transport: transport))
            return true
        }
        if !hasStarted { log.error("Ollama is not polled: the system starts no more threads") }
    }

    /// Stops polling and waits until the thread has ended; does nothing if the poller does not run.
    ///
    /// - Returns: true if no thread of this poller is left: no reading comes any more. False if it was still busy after
    ///   `timeout`, or if this is called from `onReading`: it then ends as soon as what it is in returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + timeout
        var allEnded = true
        for life in stopAll() {
            let hasEnded = life.thread.stop(timeout: ContinuousClock.now.duration(to: deadline))
            allEnded = allEnded && hasEnded
            life.transport.close()
        }
        return allEnded
    }

    /// Tells the thread to stop, without waiting for it.
    package func requestStop() {
        for life in stopAll() { life.thread.requestStop() }
    }

    /// Marks every life as stopped, and returns those that have not ended.
    private func stopAll() -> [Life] {
        lives.withLock { lives in
            lives.removeAll { !$0.thread.isRunning }
            for index in lives.indices { lives[index].isStopped = true }
            return lives
        }
    }
}
