// A request's place in the queue and, later, among those that run.

/// Gives its place back at the latest when it is dropped.
final class Ticket: Sendable {
    private let id: Int
    private let scheduler: Scheduler

    init(id: Int, scheduler: Scheduler) {
        self.id = id
        self.scheduler = scheduler
    }

    deinit { leave() }

    /// Returns once the request may run; throws `CancellationError` if the task is cancelled before.
    func wait() async throws { try await scheduler.wait(for: id) }

    /// Accounts for a token of the answer.
    func appendToken() { scheduler.appendToken(id) }

    /// Frees the place and the KV blocks. Does nothing the second time.
    func leave() { scheduler.leave(id) }
}
