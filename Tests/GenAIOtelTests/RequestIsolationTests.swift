import GenAIOtel
import TestSupport
import Testing

/// Belongs to whoever has made it: it is not `Sendable`.
private final class Conversation {
    var turns = 0
}

/// An actor that serves requests and hands itself its own state through them.
private actor Engine {
    private let metrics: ServerMetricsCollector
    private let conversation = Conversation()
    private var calls = 0

    init(_ metrics: ServerMetricsCollector) { self.metrics = metrics }

    func serve() async -> Int {
        let own = await metrics.trackRequest(model: "m") { _ in
            await Task.yield()
            assertIsolated()
            conversation.turns += 1
            return conversation
        }
        own.turns += 1
        return conversation.turns
    }

    /// Whether nothing else has run on the actor between the call and the body, or between the body and the return.
    func serveUndisturbed() async -> Bool {
        let before = calls
        Task { calls += 1 }
        let atTheBody = await metrics.trackRequest(model: "m") { _ async in calls }
        return atTheBody == before && calls == before
    }

    func fail() async throws -> Conversation {
        try await metrics.trackRequest(model: "m") { _ async throws in throw CancellationError() }
    }

    func failure() async -> (any Error)? {
        do {
            _ = try await fail()
            return nil
        } catch {
            return error
        }
    }
}

@MainActor private let mainConversation = Conversation()

@Suite("Tracked requests: on the caller's actor, with any result")
struct RequestIsolationTests {
    private let metrics = ServerMetricsCollector(cardinalityLimit: 10, log: LogRecorder().log())

    @Test("an actor gets its own state back")
    func actor() async {
        let engine = Engine(metrics)
        #expect(await engine.serve() == 2)
        #expect(await engine.failure() is CancellationError)
    }

    @Test("an actor is not left on the way to the body and back")
    func undisturbed() async {
        let engine = Engine(metrics)
        for _ in 0..<100 { #expect(await engine.serveUndisturbed()) }
    }

    @Test("the main actor gets its own state back")
    @MainActor
    func mainActor() async {
        let own = await metrics.trackRequest(model: "m") { _ in
            await Task.yield()
            MainActor.assertIsolated()
            mainConversation.turns += 1
            return mainConversation
        }
        #expect(own === mainConversation)
    }

    @Test("a function without an actor gets what it has made, and what the body makes")
    func nonisolated() async {
        let mine = Conversation()
        let same = await metrics.trackRequest(model: "m") { _ in
            await Task.yield()
            mine.turns += 1
            return mine
        }
        #expect(same === mine)
        let new = await metrics.trackRequest(model: "m") { _ async in Conversation() }
        #expect(new.turns == 0)
    }
}
