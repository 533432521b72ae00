// Calls of drivers, which may hang: on their own thread, one at a time, and with a limit to the waiting.

import GenAISupport

/// Runs calls of GPU drivers and their tools on a thread of its own.
///
/// A driver that hangs holds that thread and no other. A waiting caller returns after a limit, or at once when cancelled. No
/// other call begins while one hangs, so there is never more than one such thread.
package final class DriverCalls: Sendable {
    package enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        /// The call, or an earlier one, has not returned within the limit.
        case hangs
        case cancelled
        /// The system has no thread left.
        case noThread
    }

    /// Shared by all pollers of this process.
    package static let shared = DriverCalls()

    private static let threadName = "genai-gpu-calls"

    /// The owner of the running call; nil if none is running.
    private let owner = Monitor<ObjectIdentifier?>(nil)

    package init() {}

    /// Whether a call of this owner has not returned yet.
    package func isBusy(for owner: AnyObject) -> Bool {
        let id = ObjectIdentifier(owner)
        return self.owner.read { $0 == id }
    }

    /// Waits until no call of this owner is running.
    ///
    /// - Returns: false if one still is after `timeout`.
    package func waitForEnd(of owner: AnyObject, timeout: Duration) -> Bool {
        let id = ObjectIdentifier(owner)
        return self.owner.wait(until: .now + timeout) { $0 == id ? nil : true } ?? false
    }

    /// Runs `body` on the thread and waits for what it returns.
    ///
    /// - Parameters:
    ///   - owner: identifies the caller. It is retained until the call has returned.
    ///   - limit: the longest time to wait, including the wait for an earlier call.
    ///   - cancellation: ends the waiting at once.
    ///   - body: receives a cancellation that is raised when the caller no longer waits.
    package func run<Value: Sendable>(
        for owner: AnyObject & Sendable,
        limit: Duration,
        cancellation: Cancellation,
        _ body: @escaping @Sendable (Cancellation) -> Value
    ) -> Outcome<Value> {
        let deadline = ContinuousClock.now + limit
        let id = ObjectIdentifier(owner)
        let result = Monitor<Value?>(nil)
        return cancellation.withAction { [owner = self.owner] in
            // Wakes the waiting thread, which then checks the cancellation.
            owner.mutate { _ in }
            result.mutate { _ in }
        } during: {
            let isOurTurn: Bool? = self.owner.wait(until: deadline) { current in
                if cancellation.isCancelled { return false }
                guard current == nil else { return nil }
                current = id
                return true
            }
            guard let isOurTurn else { return .hangs }
            guard isOurTurn else { return .cancelled }
            let call = Cancellation()
            let hasStarted = DetachedThread.start { [self] in
                DetachedThread.nameCurrent(Self.threadName)
                DetachedThread.blockHandledSignals()
                let value = body(call)
                // Before the result is set, so that the caller can begin another call at once.
                withExtendedLifetime(owner) { self.owner.mutate { $0 = nil } }
                result.mutate { $0 = value }
            }
            guard hasStarted else {
                self.owner.mutate { $0 = nil }
                return .noThread
            }
            let outcome: Outcome<Value>? = result.wait(until: deadline) { value in
                if let value { return .done(value) }
                return cancellation.isCancelled ? .cancelled : nil
            }
            if case .done = outcome { return outcome ?? .hangs }
            call.cancel()
            return outcome ?? .hangs
        }
    }
}
