// One answer in the making: its turn in the queue, then token after token at the model's pace.

import ExampleSupport

/// A request that the engine has accepted. It can be run once.
struct Generation: Sendable {
    let request: GenerationRequest
    private let ticket: Ticket
    private let scheduler: Scheduler
    private let cache: PrefixCache
    private let settings: ModelEngine.Settings

    init(
        _ request: GenerationRequest,
        _ scheduler: Scheduler,
        _ cache: PrefixCache,
        _ settings: ModelEngine.Settings
    ) throws(QueueFull) {
        self.request = request
        self.scheduler = scheduler
        self.cache = cache
        self.settings = settings
        ticket = try scheduler.enqueue(
            model: request.model.name,
            promptTokens: request.promptTokens,
            maxTokens: request.maxTokens
        )
    }

    /// Waits for its turn and generates the answer. However it ends, the place and the KV blocks are free afterwards.
    ///
    /// - Parameters:
    ///   - onStart: called when the request has left the queue.
    ///   - onPrompt: called when the prompt has been read, with how many of its tokens the prefix cache had.
    ///   - onToken: called with each token. A token is not generated before the one before it was taken.
    /// - Throws: `CancellationError` only if the task is cancelled, ``EngineError``, or what `onToken` throws.
    func run(
        onStart: () -> Void,
        onPrompt: (_ cachedTokens: Int) -> Void = { _ in },
        onToken: (String) async throws -> Void
    ) async throws -> GenerationResult {
        defer { ticket.leave() }
        do {
            try await ticket.wait()
            onStart()
            return try await generate(on: settings.clock, onPrompt, onToken)
        } catch is CancellationError where !Task.isCancelled {
            // Nobody has cancelled it. It must not pass for a client that has gone.
            throw EngineError.brokenOff
        }
    }

    private func generate<C: Clock<Duration>>(
        on clock: C,
        _ onPrompt: (_ cachedTokens: Int) -> Void,
        _ onToken: (String) async throws -> Void
    ) async throws -> GenerationResult {
        var pacer = Pacer(clock)
        let model = request.model
        var text = SimulatedText(seed: request.textSeed)
        let length = min(text.naturalLength, request.maxTokens)
        let cachedTokens = try await readPrompt(&pacer)
        onPrompt(cachedTokens)
        while text.count < length, let token = text.next() {
            try await pacer.wait(model.tokenTime(batch: scheduler.batchSize(model.name)) / settings.speed)
            if isToFail, text.count > length / 2 { throw EngineError.outOfMemory }
            ticket.appendToken()
            try await onToken(token)
        }
        return GenerationResult(
            promptTokens: request.promptTokens,
            cachedTokens: cachedTokens,
            outputTokens: length,
            finishReason: text.naturalLength > request.maxTokens ? .length : .stop
        )
    }

    /// Takes the time that the prompt needs, without what the prefix cache has of it.
    ///
    /// - Returns: how many tokens that is.
    private func readPrompt<C: Clock<Duration>>(_ pacer: inout Pacer<C>) async throws -> Int {
        let blocks = PrefixCache.blocks(of: request.prompt)
        let cachedTokens = cache.cachedTokens(blocks)
        let time = request.model.prefillTime(promptTokens: request.promptTokens - cachedTokens)
        try await pacer.wait(time / settings.speed)
        cache.insert(blocks)
        return cachedTokens
    }

    /// Whether the engine fails half-way. The same request always meets the same fate.
    private var isToFail: Bool {
        var random = SplitMix64(seed: ~request.textSeed)
        return Double.random(in: 0..<1, using: &random) < settings.errorShare
    }
}
