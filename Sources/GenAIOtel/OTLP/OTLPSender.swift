// Sends one encoded export to a collector, and again if that makes sense.

import Foundation

/// Posts bodies to an OTLP/HTTP endpoint (OTLP specification 1.x, "OTLP/HTTP Request" and following).
final class OTLPSender: Sendable {
    /// What has become of a body.
    enum Outcome: Equatable {
        /// It has arrived, but for some points that the collector rejected.
        case delivered(rejectedPoints: Int)
        /// The collector may take it later.
        case undelivered
        /// It never will.
        case refused
    }

    /// What limits one delivery.
    struct Limits {
        var deadline: ContinuousClock.Instant
        var cancellation: Cancellation
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
    private let remarks: FailureLog
    private let throttledUntil = Locked<ContinuousClock.Instant?>(nil)
    private let requestCount = Locked(0)

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
        remarks = FailureLog(log: log, timeSource: timeSource)
    }

    /// Requests sent so far, repetitions included.
    var requestsSent: Int { requestCount.withLock { $0 } }

    func close() { transport.close() }

    /// Sends the body until it has arrived, is refused, or there is no time for another attempt.
    func send(_ body: [UInt8], _ limits: Limits) -> Outcome {
        if let until = throttledUntil.withLock({ $0 }), !pause(until: until, limits) {
            return undelivered("the collector asked to be left alone for longer than there is time")
        }
        let request = HTTPRequest(method: "POST", endpoint: endpoint, headers: headers, body: Data(body))
        var attempts = 0
        while true {
            attempts += 1
            switch attempt(request, limits) {
            case .delivered(let rejected, let message):
                return delivered(rejected, message)
            case .refused(let reason):
                failures.failed(.warning, "Export to \(endpoint) failed: \(reason); it is not sent again")
                return .refused
            case .retryable(let reason, let requested):
                throttle(requested)
                let delay = retryPolicy.delay(afterFailures: attempts, requested: requested)
                guard pause(until: timeSource.now + delay, limits) else {
                    return undelivered("\(reason) (attempt \(attempts), no time for more)")
                }
                log.debug("Export to \(endpoint): \(reason); sent again after \(delay)")
            }
        }
    }

    private func attempt(_ request: HTTPRequest, _ limits: Limits) -> OTLPAnswer {
        requestCount.withLock { $0 += 1 }
        let result = transport.send(request, deadline: limits.deadline, cancellation: limits.cancellation)
        let now = Date(timeIntervalSince1970: Double(timeSource.unixNanoseconds) / 1e9)
        return OTLPAnswer(result, now: now, secrets: Secrets(endpoint, headers: headers))
    }

    private func undelivered(_ reason: String) -> Outcome {
        failures.failed(.warning, "Export to \(endpoint) failed: \(reason)")
        return .undelivered
    }

    private func delivered(_ rejected: Int, _ message: String?) -> Outcome {
        throttledUntil.withLock { $0 = nil }
        failures.succeeded("Export to \(endpoint) works again")
        let remark = message.map { ": \(quoted($0, limit: 300))" } ?? ""
        if rejected > 0 {
            remarks.failed(.warning, "The collector at \(endpoint) rejected \(rejected) points\(remark)")
        } else if message != nil {
            remarks.failed(.warning, "The collector at \(endpoint) remarks\(remark)")
        } else {
            remarks.succeeded("The collector at \(endpoint) accepts everything again")
        }
        return .delivered(rejectedPoints: rejected)
    }

    /// Waits until `moment`, unless that is beyond the deadline.
    ///
    /// - Returns: false if there is no time for another attempt, or nobody wants one any more.
    private func pause(until moment: ContinuousClock.Instant, _ limits: Limits) -> Bool {
        guard moment < limits.deadline else { return false }
        let isCancelled = Monitor(false)
        return limits.cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
            timeSource.wait(on: isCancelled, until: moment) { $0 ? true : nil } == nil
        }
    }

    /// A Retry-After binds the exports that follow too.
    private func throttle(_ requested: Duration?) {
        guard let requested else { return }
        let until = timeSource.now + min(requested, Self.longestThrottle)
        throttledUntil.withLock { $0 = until }
    }
}
