// One poll of an application's own source: waits for its asynchronous code for a limited time.

/// Reads a source of the application.
final class SourcePoll: ServerPoll {
    private let source: any ServerMetricsSource
    private let latest: Locked<SourceRead?>
    private let timeout: Duration
    private let failures: FailureLog

    /// - Parameter latest: the source's last read, which may outlast the run that began it.
    init(
        _ source: any ServerMetricsSource,
        latest: Locked<SourceRead?>,
        timeout: Duration,
        _ timeSource: any TimeSource,
        _ log: Log
    ) {
        self.source = source
        self.latest = latest
        self.timeout = timeout
        failures = FailureLog(log: log.about(["endpoint": Self.place(source.server)]), timeSource: timeSource)
    }

    var name: String { Self.name(source.server) }
    var interval: Duration { source.interval }

    func read(_ cancellation: Cancellation) -> ServerReading? {
        let server = source.server
        guard let read = beginRead() else { return down(server, "the previous read() has not returned") }
        switch read.wait(until: .now + timeout, cancellation) {
        case .success(var reading):
            // Readings always get the source's own identity: another one could not be withdrawn when the server is down.
            reading.server = server
            failures.succeeded("\(Self.name(server)) can be read again")
            return reading
        case .failure(.cancelled):
            return nil
        case .failure(.timedOut):
            return down(server, "read() did not return within \(timeout)")
        case .failure(.thrown(let error)):
            return down(server, quoted("\(error)", limit: 200))
        }
    }

    func close() {}

    /// Nil while the last read has not returned: reads that ignore their cancellation must not pile up.
    private func beginRead() -> SourceRead? {
        latest.withLock { latest in
            guard latest?.hasReturned != false else { return nil }
            let read = SourceRead(source)
            latest = read
            return read
        }
    }

    private func down(_ server: ServerIdentity, _ problem: String) -> ServerReading {
        failures.failed(.warning, "\(Self.name(server)) can't be read: \(problem)")
        return .down(server, because: problem)
    }

    static func name(_ server: ServerIdentity) -> String {
        "The source \(quoted(server.engine ?? "")) at \(quoted(place(server)))"
    }

    private static func place(_ server: ServerIdentity) -> String { "\(server.address):\(server.port)" }
}

/// One call of a source's `read()`, in its own task.
final class SourceRead: Sendable {
    enum Failure: Error {
        case timedOut, cancelled
        case thrown(any Error)
    }

    private struct State {
        var result: Result<ServerReading, Failure>?
        var hasReturned = false
    }

    private let state: Monitor<State>
    private let task: Task<Void, Never>

    init(_ source: any ServerMetricsSource) {
        let state = Monitor(State())
        self.state = state
        task = ApplicationTask.start {
            let result: Result<ServerReading, Failure>
            do { result = .success(try await source.read()) } catch { result = .failure(.thrown(error)) }
            state.mutate { state in
                state.hasReturned = true
                if state.result == nil { state.result = result }
            }
        }
    }

    /// Whether the source's method has returned.
    var hasReturned: Bool { state.read { $0.hasReturned } }

    /// Blocks until there is a result. Cancels the task if `read()` has not returned.
    func wait(until deadline: ContinuousClock.Instant, _ cancellation: Cancellation) -> Result<ServerReading, Failure> {
        let result = cancellation.withAction({ [state] in Self.settle(.cancelled, state) }) {
            state.wait(until: deadline) { $0.result } ?? Self.settle(.timedOut, state)
        }
        if !hasReturned { task.cancel() }
        return result
    }

    /// Sets the result if there is none yet.
    @discardableResult
    private static func settle(_ failure: Failure, _ state: Monitor<State>) -> Result<ServerReading, Failure> {
        state.mutate { state in
            let result = state.result ?? .failure(failure)
            state.result = result
            return result
        }
    }
}
