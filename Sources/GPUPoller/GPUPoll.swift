// One look at the GPUs after another, during one run of the poller.

import GenAISupport

/// Reads the GPUs through ``DriverCalls`` and says what is to be said about it.
final class GPUPoll: Sendable {
    /// The outcome of one look.
    enum Look {
        case seen(GPUReader.Scan)
        /// Nothing is known at present, and that has been logged.
        case blind
    }

    /// How long the end of a run waits for the driver to be let go of.
    private static let closeLimit: Duration = .milliseconds(200)

    /// Nil while a call has it, of which there is one at a time.
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

    /// Looks at the GPUs. None are there if the driver hangs.
    ///
    /// - Parameter owner: has the call under way.
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
                    // A call that hung until its run was over: nobody else closes what it has opened.
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
            hangs.failed(.warning, "The GPU driver does not answer: no metrics of GPUs until it does")
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

    /// Lets go of the driver.
    func close(for owner: AnyObject & Sendable) {
        _ = calls.run(for: owner, limit: Self.closeLimit, cancellation: Cancellation()) { [reader] _ in
            Self.use(reader) { $0.close() } ?? ()
        }
    }
}
