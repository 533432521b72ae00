import Testing

@testable import HummingbirdServer

@Suite("A generation")
struct GenerationTests {
    private static let model = ModelProfile(name: "m", cacheBlocks: 100, tokensPerSecond: 10)
    private let fastModel = ModelProfile(name: "m", cacheBlocks: 100, tokensPerSecond: 100_000)

    private func engine(_ clock: any Clock<Duration>, concurrency: Int = 4) -> ModelEngine {
        ModelEngine(
            models: [Self.model],
            concurrency: concurrency,
            queueLimit: 4,
            clock: clock,
            onCacheUsage: { _, _ in }
        )
    }

    private func request(_ prompt: String = "Hello", maxTokens: Int = 1_000, seed: UInt64? = nil) -> GenerationRequest {
        GenerationRequest(model: Self.model, prompt: prompt, maxTokens: maxTokens, seed: seed)
    }

    /// The tokens of an answer, generated as fast as can be.
    private func tokens(_ request: GenerationRequest) async throws -> (text: [String], result: GenerationResult) {
        let engine = ModelEngine(
            models: [Self.model],
            concurrency: 1,
            queueLimit: 0,
            speed: 1_000_000,
            onCacheUsage: { _, _ in }
        )
        var text: [String] = []
        let result = try await engine.accept(request).run(onStart: {}) { text.append($0) }
        return (text, result)
    }

    @Test("the prompt is read first, then token follows token at the model's pace", .timeLimit(.minutes(1)))
    func pace() async throws {
        let clock = ManualClock()
        let generation = try engine(clock).accept(request(String(repeating: "x", count: 1_600), maxTokens: 3))
        let (times, continuation) = AsyncStream.makeStream(of: Duration.self)
        let running = Task {
            try await generation.run(onStart: {}) { _ in continuation.yield(clock.now.offset) }
        }
        // 400 tokens at 400 a second, then 10 a second.
        for step in [1_000, 100, 100, 100] {
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(step))
        }
        #expect(try await running.value.outputTokens == 3)
        continuation.finish()
        #expect(
            await times.reduce(into: []) { $0.append($1) }
                == [.milliseconds(1_100), .milliseconds(1_200), .milliseconds(1_300)]
        )
    }

    @Test("a larger batch slows each of its sequences")
    func batch() {
        #expect(Self.model.tokenTime(batch: 1) == .milliseconds(100))
        #expect(Self.model.tokenTime(batch: 5) == .milliseconds(124))
    }

    @Test("the same request gets the same answer, another seed another")
    func determinism() async throws {
        let first = try await tokens(request())
        #expect(try await tokens(request()).text == first.text)
        #expect(try await tokens(request(seed: 7)).text != first.text)
        #expect(first.result.outputTokens == first.text.count)
    }

    @Test("an answer ends when all is said, or at the limit")
    func finishReason() async throws {
        let whole = try await tokens(request())
        #expect(whole.result.finishReason == .stop)
        let cut = try await tokens(request(maxTokens: whole.text.count - 1))
        #expect(cut.result.finishReason == .length)
        #expect(cut.text == whole.text.dropLast())
    }

    @Test("what breaks off without having been cancelled is an error of the engine")
    func brokenOff() async throws {
        let engine = engine(ContinuousClock())
        let generation = try engine.accept(GenerationRequest(model: fastModel, prompt: "x", maxTokens: 1, seed: nil))
        await #expect(throws: EngineError.brokenOff) {
            try await generation.run(onStart: {}) { _ in throw CancellationError() }
        }
    }

    @Test("an engine that fails does so half-way, and gives its place back")
    func failure() async throws {
        let engine = ModelEngine(
            models: [fastModel],
            concurrency: 1,
            queueLimit: 0,
            errorShare: 1,
            onCacheUsage: { _, _ in }
        )
        for _ in 0..<2 {
            let generation = try engine.accept(GenerationRequest(model: fastModel, prompt: "x", maxTokens: 4, seed: 1))
            var tokens = 0
            await #expect(throws: EngineError.outOfMemory) {
                try await generation.run(onStart: {}) { _ in tokens += 1 }
            }
            #expect(tokens == 2)
        }
    }

    @Test("a prompt that is cached takes no time", .timeLimit(.minutes(1)))
    func cachedPrompt() async throws {
        let clock = ManualClock()
        let engine = engine(clock)
        // 401 tokens, of which all but the last are 25 blocks; 400 tokens a second.
        let wanted = request(String(repeating: "x", count: 1_604), maxTokens: 1)
        for (step, cached) in [(1_003, 0), (3, 400)] {
            let generation = try engine.accept(wanted)
            let running = Task { try await generation.run(onStart: {}, onToken: { _ in }).cachedTokens }
            for step in [step, 100] {
                await clock.waitForSleepers(1)
                clock.advance(by: .milliseconds(step))
            }
            #expect(try await running.value == cached)
        }
    }

    @Test("a cancelled one frees its place at once", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let clock = ManualClock()
        let engine = engine(clock, concurrency: 1)
        let first = try engine.accept(request())
        let second = try engine.accept(request())
        let running = Task { try await first.run(onStart: {}, onToken: { _ in }) }
        await clock.waitForSleepers(1)
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        let (starts, continuation) = AsyncStream.makeStream(of: Void.self)
        let next = Task { try await second.run(onStart: { continuation.yield() }, onToken: { _ in }) }
        await starts.first { true }
        next.cancel()
        await #expect(throws: CancellationError.self) { try await next.value }
    }
}
