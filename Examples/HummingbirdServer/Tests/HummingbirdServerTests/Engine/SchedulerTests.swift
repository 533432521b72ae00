import Foundation
import Synchronization
import Testing

@testable import HummingbirdServer

@Suite("The scheduler")
struct SchedulerTests {
    private func scheduler(
        concurrency: Int,
        queueLimit: Int = 8,
        _ usage: UsageRecorder = UsageRecorder()
    ) -> Scheduler {
        let models = ["a", "b"].map { ModelProfile(name: $0, cacheBlocks: 10, tokensPerSecond: 1) }
        return Scheduler(concurrency: concurrency, queueLimit: queueLimit, models: models, onUsage: usage.record)
    }

    @Test("requests run in the order in which they came", .timeLimit(.minutes(1)))
    func order() async throws {
        let scheduler = scheduler(concurrency: 1)
        let tickets = try (0..<4).map { _ in try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1) }
        let (order, continuation) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            // The last comes to wait first: it is the place in the queue that counts.
            for index in tickets.indices.reversed() {
                group.addTask {
                    try await tickets[index].wait()
                    continuation.yield(index)
                    tickets[index].leave()
                }
            }
            try await group.waitForAll()
        }
        continuation.finish()
        #expect(await order.reduce(into: []) { $0.append($1) } == [0, 1, 2, 3])
    }

    @Test("more than the limit do not wait")
    func limit() throws {
        let scheduler = scheduler(concurrency: 1, queueLimit: 2)
        var tickets = try (0..<3).map { _ in try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1) }
        #expect(throws: QueueFull.self) { try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1) }
        #expect(scheduler.waitingCount == 2)
        tickets.removeFirst().leave()
        #expect(scheduler.waitingCount == 1)
        _ = try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1)
    }

    @Test("a cancelled request leaves the queue", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let scheduler = scheduler(concurrency: 1)
        let first = try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1)
        let second = try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1)
        let waiting = Task { try await second.wait() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(scheduler.waitingCount == 0)
        // Nor does it run once there is a place.
        first.leave()
        #expect(scheduler.batchSize("a") == 0)
    }

    // If locks are taken in two orders, this does not end: the tasks' threads wait too, and with them any time limit.
    @Test("clients that hang up while others get their turn stop nothing")
    func cancellations() async throws {
        for _ in 0..<100 {
            let scheduler = scheduler(concurrency: 1, queueLimit: 64)
            let (starts, started) = AsyncStream.makeStream(of: Void.self)
            let requests = try (0..<64).map { _ in
                let ticket = try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1)
                return Task {
                    defer { ticket.leave() }
                    started.yield()
                    try await ticket.wait()
                    try await Task.sleep(for: .seconds(60))
                }
            }
            for await _ in starts.prefix(requests.count) {}
            // One thread cancels the request whose turn it is, the other the next one, which gets its turn by that.
            for first in 0...1 {
                Thread.detachNewThread { for index in stride(from: first, to: 64, by: 2) { requests[index].cancel() } }
            }
            for request in requests { _ = await request.result }
            #expect(scheduler.waitingCount == 0)
            #expect(scheduler.batchSize("a") == 0)
        }
    }

    @Test("a dropped ticket gives its place back")
    func drop() throws {
        let usage = UsageRecorder()
        let scheduler = scheduler(concurrency: 1, usage)
        var ticket: Ticket? = try scheduler.enqueue(model: "a", promptTokens: 33, maxTokens: 1)
        #expect(ticket != nil)
        #expect(usage.values == ["a 30.0"])
        ticket = nil
        #expect(usage.values == ["a 30.0", "a 0.0"])
    }

    @Test("who waits for blocks holds up its own model alone", .timeLimit(.minutes(1)))
    func blocks() async throws {
        let scheduler = scheduler(concurrency: 8)
        let large = try scheduler.enqueue(model: "a", promptTokens: 100, maxTokens: 20)
        let alsoLarge = try scheduler.enqueue(model: "a", promptTokens: 100, maxTokens: 20)
        let small = try scheduler.enqueue(model: "a", promptTokens: 1, maxTokens: 1)
        let other = try scheduler.enqueue(model: "b", promptTokens: 1, maxTokens: 1)
        try await large.wait()
        try await other.wait()
        // There would be room for the small one, but then the large one before it might wait for ever.
        #expect(scheduler.waitingCount == 2)
        large.leave()
        try await alsoLarge.wait()
        try await small.wait()
        #expect(scheduler.waitingCount == 0)
    }
}

/// Remembers the usages that it was told, as text.
private final class UsageRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    var values: [String] { recorded.withLock { $0 } }

    func record(_ model: String, _ percent: Double) { recorded.withLock { $0.append("\(model) \(percent)") } }
}
