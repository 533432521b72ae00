// Reads the GPUs again and again, during one run of the poller.

import GenAISupport

/// Reads the GPUs through ``DriverCalls`` and logs problems.
final class GPUPoll: Sendable {
    /// The outcome of one reading.
    enum Look {
        case seen(GPUReader.Scan)
        /// The GPUs can't be read at present. That has been logged.
        case blind
    }

    /// How long the end of a run waits for the driver to be closed.
    private static let closeLimit: Duration = .milliseconds(200)

    /// Nil while a call uses it; there is one call at a time.
    private let reader: Locked<GPUReader?>
    private let calls: DriverCalls
    private let callLimit: Duration
    private let timeSource: any TimeSource
    private let log: Log
    private let hangs: FailureLog

    init(
        _ reader: GPUReader,
        calls: DriverCalls,
        callLimit: Duration,
        log: Log,
        timeSource: any TimeSource
    ) {
        self.reader = Locked(reader)
        self.calls = calls
        self.callLimit = callLimit
        self.timeSource = timeSource
        self.log = log
        hangs = FailureLog(log: log, timeSource: timeSource)
    }

    /// Reads the GPUs.
    ///
    /// - Parameter owner: identifies the caller for ``DriverCalls``.
    /// - Returns: nil if it was cancelled.
    func read(for owner: AnyObject & Sendable, _ cancellation: Cancellation) -> Look? {
        let now = timeSource.now
        switch calls.run(
            for: owner,
            limit: callLimit,
            cancellation: cancellation,
            { [reader] call in
                Self.use(reader) { reader in
                    let scan = reader.read(now: now) { call.isCancelled }
                    // If the call hung until its run was over, nobody else will close the driver.
                    if cancellation.isCancelled { reader.close() }
                    return scan
                } ?? GPUReader.Scan()
            }
        ) {
        case .done(let scan):
            hangs.succeeded("The GPU driver answers again")
            for failure in scan.failures { log.debug("No NVIDIA GPU found through \(failure)") }
            return .seen(scan)
        case .hangs:
            hangs.failed(.warning, "The GPU driver does not answer; GPU metrics pause until it does")
            return .blind
        case .noThread:
            hangs.failed(.warning, "GPUs can't be read: the system can't start another thread")
            return .blind
        case .cancelled:
            return nil
        }
    }

    /// Takes the reader out, so that no lock is held while a driver works.
    private static func use<Result>(_ slot: Locked<GPUReader?>, _ body: (inout GPUReader) -> Result) -> Result? {
        guard var reader = slot.withLock({ $0.take() }) else { return nil }
        defer { slot.withLock { [reader] in $0 = reader } }
        return body(&reader)
    }

    /// Closes the driver.
    func close(for owner: AnyObject & Sendable) {
        _ = calls.run(for: owner, limit: Self.closeLimit, cancellation: Cancellation()) { [reader] _ in
            Self.use(reader) { $0.close() } ?? ()
        }
    }
}
