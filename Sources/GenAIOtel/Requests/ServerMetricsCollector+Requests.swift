// Tracking of the application's requests.

extension ServerMetricsCollector {
    /// Tracks a request while `body` runs: it counts as running at once, and as ended when `body` returns or throws.
    ///
    /// An error of `body` is rethrown; the name of its type becomes the attribute `error.type`. If `body` calls
    /// ``ServerRequest/finish(outputTokens:error:)`` itself, that call counts. Thread-safe.
    ///
    /// ```swift
    /// let answer = collector.trackRequest(model: "llama-3") { request in
    ///     request.markFirstToken()
    ///     return "Hello"
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise: `chat`, `text_completion`, `embeddings`, ...
    ///     (OpenTelemetry semantic conventions for generative AI).
    ///   - body: serves the request. Receives the request, to report its progress.
    public func trackRequest<R>(
        model: String,
        operation: String = "chat",
        _ body: (ServerRequest) throws -> R
    ) rethrows -> R {
        let request = beginRequest(model, operation, isWaiting: false)
        do {
            let result = try body(request)
            request.finish()
            return result
        } catch {
            request.finish(error: error)
            throw error
        }
    }

    /// Tracks a request while `body` runs, like the synchronous form. `body` runs on the caller's actor.
    ///
    /// If the task is cancelled, the outcome depends on `body`: `error.type` is `CancellationError` if it throws that.
    public func trackRequest<R>(
        model: String,
        operation: String = "chat",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (ServerRequest) async throws -> R
    ) async rethrows -> R {
        let request = beginRequest(model, operation, isWaiting: false)
        do {
            #if compiler(>=6.1)
            let result = try await body(request)
            #else
            let result = try await request.result(of: body)
            #endif
            request.finish()
            return result
        } catch {
            request.finish(error: error)
            throw error
        }
    }

    /// Tracks a request in a queue: it counts as waiting until ``ServerRequest/start()``.
    ///
    /// Its times run from this call, so they include the time in the queue. Thread-safe.
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise.
    /// - Returns: the request. Keep it until it has ended: a dropped request ends with `error.type` `abandoned`.
    public func enqueueRequest(model: String, operation: String = "chat") -> ServerRequest {
        beginRequest(model, operation, isWaiting: true)
    }

    /// A request that arrives now; counts it as waiting or running.
    private func beginRequest(_ model: String, _ operation: String, isWaiting: Bool) -> ServerRequest {
        let longest = Attribute.longestValue
        guard model.utf8.count <= longest, operation.utf8.count <= longest else {
            // Cut before the lock is taken: names may have any length.
            return beginRequest(Attribute.cut(model), Attribute.cut(operation), isWaiting: isWaiting)
        }
        let arrival = nanoseconds()
        let (position, isOverflow) = state.withLock { state in
            if isWaiting { state.requests.waiting += 1 } else { state.requests.running += 1 }
            let position = state.requests.kindPosition(model, operation)
            return (position, state.requests.isOverflow(kindPosition: position))
        }
        if isOverflow { cardinality.warn(of: .requests) }
        return ServerRequest(self, kindPosition: position, arrival: arrival, isWaiting: isWaiting)
    }
}
