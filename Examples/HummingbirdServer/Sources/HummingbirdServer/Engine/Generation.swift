// One answer in the making: its turn in the queue, then token after token at the model's pace.

/// A request that the engine has accepted. It can be run once.
struct Generation: Sendable {
    let request: GenerationRequest
    private let ticket: Ticket
    private let scheduler: Scheduler
    private let clock: any Clock<Duration>
    private let speed: Double

    init(
        _ request: GenerationRequest,
        _ scheduler: Scheduler,
        clock: any Clock<Duration>,
        speed: Double
    ) throws(QueueFull) {
        self.request = request
        self.scheduler = scheduler
        self.clock = clock
        self.speed = speed
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
    ///   - onToken: called with each token. A token is not generated before the one before it was taken.
    /// - Throws: `CancellationError` if the task is cancelled, or what `onToken` throws.
    func run(
        onStart: () -> Void,
        onToken: (String) async throws -> Void
    ) async throws -> GenerationResult {
        defer { ticket.leave() }
        try await ticket.wait()
        onStart()
        return try await generate(on: clock, onToken)
    }

    private func generate<C: Clock<Duration>>(
        on clock: C,
        _ onToken: (String) async throws -> Void
    ) async throws -> GenerationResult {
        var pacer = Pacer(clock)
        let model = request.model
        var text = SimulatedText(seed: request.textSeed)
        let length = min(text.naturalLength, request.maxTokens)
        try await pacer.wait(model.prefillTime(promptTokens: request.promptTokens) / speed)
        while text.count < length, let token = text.next() {
            try await pacer.wait(model.tokenTime(batch: scheduler.batchSize(model.name)) / speed)
            ticket.appendToken()
            try await onToken(token)
        }
        return GenerationResult(
            promptTokens: request.promptTokens,
            outputTokens: length,
            finishReason: text.naturalLength > request.maxTokens ? .length : .stop
        )
    }
}
