// Decides which request runs when: so many at once, the others in the order in which they came.

import Synchronization

/// A queue before a limited number of places.
///
/// A request is admitted when a place is free and its model's KV cache has the blocks that it may need. A request that has
/// to wait for blocks holds up those of its own model, so that it can't starve, but not those of other models.
///
/// Thread-safe. A lock and not an actor, so that a place can be given back from a `deinit`.
///
/// No continuation is resumed under the lock: a task that is cancelled calls ``leave(_:)`` while it holds a lock of its own,
/// and to resume it takes that lock too. In the other order both would wait for ever.
final class Scheduler: Sendable {
    /// Called with a model's KV-cache usage in percent whenever it changes. It runs under the scheduler's lock, so that
    /// values arrive in order: it must be quick, and must not call the scheduler.
    typealias UsageHandler = @Sendable (_ model: String, _ percent: Double) -> Void

    private typealias Continuation = CheckedContinuation<Void, any Error>

    private struct Waiting {
        var id: Int
        var model: String
        var promptTokens: Int
        var maxTokens: Int
        /// Nil until the ticket's holder waits.
        var continuation: Continuation?
    }

    private struct State {
        var caches: [String: KVCache]
        var waiting: [Waiting] = []
        /// Model by ticket.
        var running: [Int: String] = [:]
        var lastID = 0
    }

    let concurrency: Int
    let queueLimit: Int
    private let onUsage: UsageHandler
    private let state: Mutex<State>

    init(concurrency: Int, queueLimit: Int, models: [ModelProfile], onUsage: @escaping UsageHandler) {
        self.concurrency = concurrency
        self.queueLimit = queueLimit
        self.onUsage = onUsage
        let caches = models.map { ($0.name, KVCache(blockCount: $0.cacheBlocks)) }
        state = Mutex(State(caches: Dictionary(caches) { first, _ in first }))
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// How many sequences of a model are in flight.
    func batchSize(_ model: String) -> Int { state.withLock { $0.caches[model]?.sequenceCount ?? 0 } }

    /// Puts a request at the end of the queue, or lets it run if it need not wait.
    func enqueue(model: String, promptTokens: Int, maxTokens: Int) throws(QueueFull) -> Ticket {
        let (id, waiting, admitted) = state.withLock { state -> (Int?, Int, [Continuation]) in
            state.lastID += 1
            let id = state.lastID
            state.waiting.append(
                Waiting(id: id, model: model, promptTokens: promptTokens, maxTokens: maxTokens, continuation: nil)
            )
            let admitted = admit(&state)
            guard state.waiting.count > queueLimit else { return (id, state.waiting.count, admitted) }
            state.waiting.removeAll { $0.id == id }
            return (nil, state.waiting.count, admitted)
        }
        for continuation in admitted { continuation.resume() }
        guard let id else { throw QueueFull(waiting: waiting) }
        return Ticket(id: id, scheduler: self)
    }

    /// Returns once the ticket's request may run.
    ///
    /// - Throws: `CancellationError` if the task was cancelled, or the ticket given back meanwhile.
    func wait(for id: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<Void, any Error>? in
                    if state.running[id] != nil { return .success(()) }
                    guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                        return .failure(CancellationError())
                    }
                    state.waiting[index].continuation = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            leave(id)
        }
    }

    /// Stores a token that a running request has generated.
    func appendToken(_ id: Int) {
        state.withLock { state in
            guard let model = state.running[id], state.caches[model]?.appendToken(id) == true else { return }
            reportUsage(of: model, state)
        }
    }

    /// Gives a place back, running or waiting. Does nothing the second time.
    func leave(_ id: Int) {
        let (left, admitted) = state.withLock { state -> (Continuation?, [Continuation]) in
            var left: Continuation?
            if let model = state.running.removeValue(forKey: id) {
                state.caches[model]?.release(id)
                reportUsage(of: model, state)
            } else if let index = state.waiting.firstIndex(where: { $0.id == id }) {
                left = state.waiting.remove(at: index).continuation
            }
            // Also when one left that only waited: it may have held up others of its model.
            return (left, admit(&state))
        }
        left?.resume(throwing: CancellationError())
        for continuation in admitted { continuation.resume() }
    }

    /// Lets run what can, oldest first.
    ///
    /// - Returns: whom to resume once the lock is given back.
    private func admit(_ state: inout State) -> [Continuation] {
        var admitted: [Continuation] = []
        var modelsWithoutBlocks: Set<String> = []
        var index = 0
        while index < state.waiting.count, state.running.count < concurrency {
            let next = state.waiting[index]
            let hasBlocks =
                !modelsWithoutBlocks.contains(next.model)
                && state.caches[next.model]?.admit(next.id, promptTokens: next.promptTokens, maxTokens: next.maxTokens)
                    == true
            guard hasBlocks else {
                modelsWithoutBlocks.insert(next.model)
                index += 1
                continue
            }
            state.waiting.remove(at: index)
            state.running[next.id] = next.model
            reportUsage(of: next.model, state)
            if let continuation = next.continuation { admitted.append(continuation) }
        }
        return admitted
    }

    private func reportUsage(of model: String, _ state: State) {
        if let cache = state.caches[model] { onUsage(model, cache.usage) }
    }
}
