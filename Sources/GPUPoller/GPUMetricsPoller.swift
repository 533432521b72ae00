// The module's entry point: reads this machine's GPUs in the background.

import Foundation

/// Reads this machine's GPUs in the background and passes their readings on.
///
/// NVIDIA GPUs are read through NVML, their management library, which is loaded at run time, or else through `nvidia-smi`. AMD
/// GPUs are read through the files of the Linux driver, and Apple's through the I/O registry. Where there is no GPU, nothing is
/// passed on and nothing is logged; the poller looks again once a minute.
///
/// Thread-safe. Handlers are called on the poller's thread, named `genai-gpus`; the next reading waits for them. Drivers are
/// called on another thread: if a driver hangs, its GPUs are withdrawn until it answers, and nothing else waits for it. The
/// threads do not keep the process from exiting, and they end with the poller.
///
/// ```swift
/// let poller = GPUMetricsPoller { gpu in
///     print(gpu.name ?? gpu.id, gpu.utilization ?? 0, gpu.memoryUsage ?? 0)
/// } onWithdrawal: { id in
///     print(id, "is gone")
/// }
/// poller.start()
/// // ... and when it is no longer needed:
/// poller.stop()
/// ```
public final class GPUMetricsPoller: Sendable {
    /// How long one reading of all GPUs may take. `nvidia-smi` has a limit of its own, below this one.
    package static let callLimit: Duration = .seconds(8)

    /// How long a stop waits for a driver. One that has not answered by then hangs.
    private static let driverPatience: Duration = .milliseconds(200)

    private let log: Log
    private let calls: DriverCalls
    private let reports: GPUReports
    private let thread: RepeatingThread
    /// The warnings that are not logged yet: none after the first start.
    private let warnings: Locked<[String]>

    /// Makes a poller that does nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - configuration: how often to read; by default the environment's. Unusable values are replaced by their defaults, with
    ///     a warning.
    ///   - logLevel: the least important level that is logged; nil logs nothing. By default ``LogLevel/info``.
    ///   - logHandler: receives the lines; by default they are written to standard error.
    ///   - onReading: receives one reading for each GPU, and for each slice of a GPU (MIG), at each interval.
    ///   - onWithdrawal: receives the ``GPUReading/id`` of a GPU that can't be read any more, possibly more than once. A stop
    ///     withdraws nothing.
    public convenience init(
        _ configuration: GPUConfiguration = GPUConfiguration(),
        logLevel: LogLevel? = .info,
        logHandler: (@Sendable (LogEntry) -> Void)? = nil,
        onReading: @escaping @Sendable (GPUReading) -> Void,
        onWithdrawal: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        let log = Log(level: logLevel, handler: logHandler ?? Log.standardError)
        self.init(configuration, log: log, onReading: onReading, onWithdrawal: onWithdrawal)
    }

    /// With the parts that tests replace.
    package init(
        _ configuration: GPUConfiguration,
        log: Log,
        timeSource: any TimeSource = SystemTimeSource(),
        reader: GPUReader = GPUReader(
            locations: GPULocations(environment: ProcessInfo.processInfo.environment)
        ),
        calls: DriverCalls = .shared,
        callLimit: Duration = GPUMetricsPoller.callLimit,
        onReading: @escaping @Sendable (GPUReading) -> Void,
        onWithdrawal: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        let log = log.about(["component": "gpus"])
        let reports = GPUReports(log: log, onReading: onReading, onWithdrawal: onWithdrawal)
        self.log = log
        self.calls = calls
        self.reports = reports
        var warnings = configuration.warnings
        var interval = configuration.interval
        if interval <= .zero {
            warnings.append("GPUs: the interval must be more than 0; using 5 seconds")
            interval = PolledServer.defaultInterval
        }
        self.warnings = Locked(warnings)
        // The thread must not refer to this object, or the object could never be released.
        thread = RepeatingThread(name: "genai-gpus", timeSource: timeSource) { [interval] in
            let poll = GPUPoll(reader, calls: calls, callLimit: callLimit, log: log, timeSource: timeSource)
            let turn = { (cancellation: Cancellation) in
                switch poll.read(for: reports, cancellation) {
                case .seen(let scan): reports.report(scan, cancellation)
                case .blind: reports.withdrawAll(cancellation)
                case nil: break
                }
            }
            return RepeatingThread.Work(interval: interval, turn: turn, end: { poll.close(for: reports) })
        }
    }

    deinit { requestStop() }

    /// Whether a thread is running: true from ``start()`` until every thread has ended, even one that a driver holds.
    public var isRunning: Bool { thread.isRunning || calls.isBusy(for: reports) }

    /// Starts the thread and reads the GPUs at once, then at the interval.
    ///
    /// Does nothing if the poller is running. Never blocks. It can be started again after a stop. If the system has no thread
    /// left, an error is logged.
    public func start() {
        let warnings = warnings.withLock { warnings in
            defer { warnings = [] }
            return warnings
        }
        for warning in warnings { log.warning(warning) }
        if !thread.start() { log.error("GPUs are not read: the system can't start another thread") }
    }

    /// Stops reading and waits until the threads have ended; does nothing if the poller does not run.
    ///
    /// - Parameter timeout: the longest time to block the calling thread, from 0 to a year; by default 5 seconds. A stop waits
    ///   200 ms at most for a driver that hangs.
    /// - Returns: true if all threads have ended, so that no reading follows. False if one was still busy, or if this is called
    ///   from a handler; the thread then ends as soon as its work returns.
    @discardableResult
    public func stop(timeout: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + timeout.withinAYear
        guard thread.stop(timeout: timeout) else { return false }
        let rest = ContinuousClock.now.duration(to: deadline)
        return calls.waitForEnd(of: reports, timeout: min(rest, Self.driverPatience))
    }

    /// Tells the thread to stop, without waiting for it.
    package func requestStop() { thread.requestStop() }

    /// Like ``requestStop()``, and forever: later starts do nothing.
    package func close() {
        warnings.withLock { $0 = [] }
        thread.close()
    }
}

/// The GPUs that were reported. Several runs may report at once: one that was told to stop may still be in a handler.
private final class GPUReports: Sendable {
    private struct State: Sendable {
        /// The GPUs of the last reading, by their ids.
        var present: [String: GPUReading] = [:]
        /// The GPUs that were there earlier and are missing now.
        var missing: [String: GPUReading] = [:]
        var hasFoundAny = false
    }

    /// GPUs whose ids change all the time must not fill the memory.
    private static let limit = 1024

    private let log: Log
    private let onReading: @Sendable (GPUReading) -> Void
    private let onWithdrawal: @Sendable (String) -> Void
    private let state = Locked(State())

    init(
        log: Log,
        onReading: @escaping @Sendable (GPUReading) -> Void,
        onWithdrawal: @escaping @Sendable (String) -> Void
    ) {
        self.log = log
        self.onReading = onReading
        self.onWithdrawal = onWithdrawal
    }

    func report(_ scan: GPUReader.Scan, _ cancellation: Cancellation) {
        let readings = Dictionary(scan.readings.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var gone: [GPUReading] = []
        var back: [GPUReading] = []
        var isFirst = false
        // The cancellation is checked under the lock, so that an earlier run can't report after a later one.
        let isWanted = state.withLock { state in
            guard !cancellation.isCancelled else { return false }
            gone = state.present.values.filter { readings[$0.id] == nil }
            back = readings.keys.compactMap { state.missing.removeValue(forKey: $0) }
            for gpu in gone where state.missing.count < Self.limit { state.missing[gpu.id] = gpu }
            isFirst = !state.hasFoundAny && !readings.isEmpty
            if isFirst { state.hasFoundAny = true }
            state.present = readings
            return true
        }
        guard isWanted else { return }
        for gpu in gone { onWithdrawal(gpu.id) }
        tell(isFirst: isFirst, scan, gone: gone, back: back)
        for reading in scan.readings where readings[reading.id] == reading { onReading(reading) }
        // Meanwhile a later run may have found that one of them is gone.
        let present = state.withLock { $0.present }
        for id in readings.keys where present[id] == nil { onWithdrawal(id) }
    }

    /// Withdraws all GPUs while they can't be read. None is logged as lost.
    func withdrawAll(_ cancellation: Cancellation) {
        let gone = state.withLock { state in
            guard !cancellation.isCancelled else { return [String]() }
            defer { state.present = [:] }
            return Array(state.present.keys)
        }
        for id in gone { onWithdrawal(id) }
    }

    private func tell(isFirst: Bool, _ scan: GPUReader.Scan, gone: [GPUReading], back: [GPUReading]) {
        if isFirst { log.info("Found \(list(scan.readings))") }
        // A slice that is gone is no failure: administrators make and remove slices.
        let slices = gone.filter { $0.parent != nil && scan.losses[$0.id] == nil }
        if !slices.isEmpty { log.info("Gone: \(list(slices))") }
        let lost = gone.filter { gpu in !slices.contains { $0.id == gpu.id } }
        if !lost.isEmpty {
            let reasons = Set(lost.map { scan.losses[$0.id] ?? "not found any more" }).sorted().joined(separator: ", ")
            log.warning("Lost \(list(lost)): \(quoted(reasons)); there are no metrics until it is back")
        }
        if !back.isEmpty { log.info("Back: \(list(back))") }
    }

    private func list(_ gpus: [GPUReading]) -> String {
        let named = gpus.sorted { ($0.index ?? 0, $0.id) < ($1.index ?? 0, $1.id) }.prefix(16).map { gpu in
            "\(quoted(gpu.name ?? "GPU")) (\(quoted(gpu.id)))"
        }
        let rest = gpus.count > named.count ? " and \(gpus.count - named.count) more" : ""
        return "\(gpus.count == 1 ? "GPU" : "\(gpus.count) GPUs") \(named.joined(separator: ", "))\(rest)"
    }
}
