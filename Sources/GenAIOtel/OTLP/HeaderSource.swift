// Headers that change, such as tokens that expire: the application is asked for them.

import GenAISupport

/// Calls the application's header provider, one call at a time, and gives up waiting for it at a deadline.
///
/// The provider runs in a task of its own, under no lock and not on the exporting thread. If it hangs, that one task is lost: the
/// provider is not called again before it has returned.
final class HeaderSource: Sendable {
    typealias Provider = @Sendable () async throws -> [String: String]

    /// Why there are no headers. It never contains text from the application, which may be a secret.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case late, cancelled
        case thrown(type: String)

        var description: String {
            switch self {
            case .late: "the header provider has not returned in time"
            case .cancelled: "cancelled while the header provider was asked"
            case .thrown(let type): "the header provider threw \(quoted(type))"
            }
        }
    }

    private typealias Outcome = Result<[String: String], Failure>

    /// One call of the provider.
    private final class Call: Sendable {
        let outcome = Monitor<Outcome?>(nil)
        let task = Locked<Task<Void, Never>?>(nil)
    }

    private let provider: Provider
    private let timeSource: any TimeSource
    private let running = Locked<Call?>(nil)

    init(_ provider: @escaping Provider, timeSource: any TimeSource) {
        self.provider = provider
        self.timeSource = timeSource
    }

    /// Blocks until the provider has returned, but not longer than until the deadline or the cancellation.
    func headers(until deadline: ContinuousClock.Instant, _ cancellation: Cancellation) throws(Failure) -> [String:
        String]
    {
        let call = running.withLock { $0 } ?? begin()
        let outcome: Outcome? = cancellation.withAction({ call.outcome.mutate { _ in } }) {
            timeSource.wait(on: call.outcome, until: deadline) { outcome in
                outcome ?? (cancellation.isCancelled ? .failure(.cancelled) : nil)
            }
        }
        guard let outcome else {
            call.task.withLock { $0 }?.cancel()
            throw .late
        }
        switch outcome {
        case .success(let headers): return headers
        case .failure(let failure): throw failure
        }
    }

    /// Only the exporting thread calls this, so there is never more than one call.
    private func begin() -> Call {
        let call = Call()
        running.withLock { $0 = call }
        let task = ApplicationTask.start { [provider, running] in
            let outcome: Outcome
            do {
                outcome = .success(try await provider())
            } catch {
                outcome = .failure(.thrown(type: String(describing: type(of: error))))
            }
            running.withLock { $0 = nil }
            call.outcome.mutate { $0 = outcome }
        }
        call.task.withLock { $0 = task }
        return call
    }
}
