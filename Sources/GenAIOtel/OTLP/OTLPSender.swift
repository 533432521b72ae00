// Sends one encoded export to a collector, and again if that makes sense.

import Foundation

/// Posts bodies to an OTLP/HTTP endpoint (OTLP specification 1.x, "OTLP/HTTP Request" and following).
final class OTLPSender: Sendable {
    private struct State {
        var requestsSent = 0
        /// Nil unless the collector has asked for a pause since it took the last export.
        var throttledUntil: ContinuousClock.Instant?
    }

    /// The longest that a server's Retry-After keeps later exports back: one wrong header must not silence a process.
    static let longestThrottle: Duration = .seconds(600)

    private let endpoint: HTTPEndpoint
    private let headers: [HTTPHeader]
    private let transport: any HTTPTransport
    private let retryPolicy: RetryPolicy
    private let timeSource: any TimeSource
    private let log: Log
    private let failures: FailureLog
    private let warnings: FailureLog
    private let state = Locked(State())

    init(
        endpoint: HTTPEndpoint,
        headers: [HTTPHeader],
        transport: any HTTPTransport,
        retryPolicy: RetryPolicy,
        timeSource: any TimeSource,
        log: Log
    ) {
        self.endpoint = endpoint
        self.headers = headers
        self.transport = transport
        self.retryPolicy = retryPolicy
        self.timeSource = timeSource
        self.log = log
        failures = FailureLog(log: log, timeSource: timeSource)
        warnings = FailureLog(log: log, timeSource: timeSource)
    }

    /// Requests sent so far, repetitions included.
    var requestsSent: Int { state.withLock { $0.requestsSent } }

    func close() { transport.close() }

    /// Sends the export until it has arrived, is refused, is cancelled, or there is no time for another attempt.
    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome {
        func undelivered(_ reason: String) -> ExportOutcome {
            if cancellation.isCancelled {
                // By a flush or the shutdown of this process: no failure of the collector.
                log.debug("Export to \(endpoint) was cancelled")
            } else {
                failures.failed(.warning, "Export to \(endpoint) failed: \(reason)")
            }
            return .undelivered
        }
        if let until = state.withLock({ $0.throttledUntil }), !pause(until: until, deadline, cancellation) {
            return undelivered("throttled by the collector (Retry-After), beyond this export's timeout")
        }
        let encoding = export.contentEncoding.map { [HTTPHeader("Content-Encoding", $0)] } ?? []
        let body = Data(export.body)
        let request = HTTPRequest(method: "POST", endpoint: endpoint, headers: headers + encoding, body: body)
        var attempts = 0
        while true {
            attempts += 1
            switch attempt(request, deadline, cancellation) {
            case .delivered(let rejected, let message):
                delivered(rejected, message)
                return .delivered(rejectedPoints: rejected)
            case .refused(let reason):
                failures.failed(.warning, "Export to \(endpoint) failed: \(reason); it is not sent again")
                return .refused
            case .retryable(let reason, let requested):
                throttle(requested)
                let delay = retryPolicy.delay(afterFailures: attempts, requested: requested)
                guard pause(until: timeSource.now + delay, deadline, cancellation) else {
                    return undelivered("\(reason) (attempt \(attempts), no time for more)")
                }
                log.debug("Export to \(endpoint): \(reason); sent again after \(delay)")
            }
        }
    }

    private func attempt(
        _ request: HTTPRequest,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> OTLPAnswer {
        state.withLock { $0.requestsSent += 1 }
        let timeout = timeSource.now.duration(to: deadline)
        let result = transport.send(request, deadline: .now + timeout, cancellation: cancellation)
        let now = Date(timeIntervalSince1970: Double(timeSource.unixNanoseconds) / 1e9)
        return OTLPAnswer(result, now: now, secrets: Secrets(endpoint, headers: headers))
    }

    private func delivered(_ rejected: Int, _ message: String?) {
        state.withLock { $0.throttledUntil = nil }
        failures.succeeded("Export to \(endpoint) works again")
        let words = message.map { ": \(quoted($0, limit: 300))" } ?? ""
        if rejected > 0 {
            warnings.failed(.warning, "The collector at \(endpoint) rejected \(rejected) points\(words)")
        } else if message != nil {
            warnings.failed(.warning, "The collector at \(endpoint) warns\(words)")
        } else {
            warnings.succeeded("The collector at \(endpoint) accepts everything again")
        }
    }

    /// Waits until `moment`, unless that is beyond the deadline.
    ///
    /// - Returns: false if there is no time for another attempt, or nobody wants one any more.
    private func pause(
        until moment: ContinuousClock.Instant,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> Bool {
        guard moment < deadline else { return false }
        let isCancelled = Monitor(false)
        return cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
            timeSource.wait(on: isCancelled, until: moment) { $0 ? true : nil } == nil
        }
    }

    /// A Retry-After binds the exports that follow too.
    private func throttle(_ requested: Duration?) {
        guard let requested else { return }
        let until = timeSource.now + min(requested, Self.longestThrottle)
        state.withLock { $0.throttledUntil = until }
    }
}
