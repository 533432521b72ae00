// Tracking of the application's requests.

extension ServerMetricsCollector {
    /// Tracks a request while `body` runs: it counts as running at once, and as ended when `body` returns or throws.
    ///
    /// If `body` calls `finish` itself, that call counts, and with it its tokens. An error of `body` ends the request as
    /// failed: the name of its type becomes the attribute `error.type`, unless ``RequestConfiguration/outcomeOfError`` says
    /// otherwise. Thread-safe; `body` runs on the calling thread, under no lock.
    ///
    /// ```swift
    /// let answer = metrics.trackRequest(model: "llama-3") { request in
    ///     request.markFirstToken()
    ///     request.finish(inputTokens: 12, outputTokens: 1)
    ///     return "Hello"
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise: `chat`, `text_completion`, `embeddings`, ...
    ///     (OpenTelemetry semantic conventions for generative AI).
    ///   - attributes: further attributes, likewise. ``RequestConfiguration/allowedAttributes`` must list their keys; others
    ///     are dropped with one warning.
    ///   - body: serves the request. It receives the request, to report its progress.
    /// - Returns: what `body` returns.
    /// - Throws: the error of `body`, unchanged, and nothing else.
    public func trackRequest<R>(
        model: String,
        operation: String = "chat",
        attributes: [String: String] = [:],
        _ body: (ServerRequest) throws -> R
    ) rethrows -> R {
        let request = beginRequest(model: model, operation: operation, attributes: attributes)
        do {
            let result = try body(request)
            request.finish()
            return result
        } catch {
            request.finish(error: error)
            throw error
        }
    }

    /// Tracks a request while asynchronous `body` runs: it counts as running at once, and as ended when `body` returns or
    /// throws.
    ///
    /// Like the synchronous form. `body` runs on the caller's actor. If the task is cancelled, the outcome depends on `body`:
    /// `error.type` is `CancellationError` if it throws that; if it returns, the request counts as a success. Thread-safe.
    ///
    /// ```swift
    /// func generate(_ prompt: String) async throws -> String { "Hello" }
    /// let answer = try await metrics.trackRequest(model: "llama-3") { request in
    ///     let answer = try await generate("Hi")
    ///     request.finish(inputTokens: 1, outputTokens: 1)
    ///     return answer
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise; `chat`, `text_completion`, `embeddings`, ...
    ///   - attributes: further attributes, likewise. ``RequestConfiguration/allowedAttributes`` must list their keys; others
    ///     are dropped with one warning.
    ///   - isolation: the actor that `body` runs on. The compiler passes the caller's.
    ///   - body: serves the request. It receives the request, to report its progress.
    /// - Returns: what `body` returns.
    /// - Throws: the error of `body`, unchanged, and nothing else.
    public func trackRequest<R>(
        model: String,
        operation: String = "chat",
        attributes: [String: String] = [:],
        isolation: isolated (any Actor)? = #isolation,
        _ body: (ServerRequest) async throws -> R
    ) async rethrows -> R {
        let request = beginRequest(model: model, operation: operation, attributes: attributes)
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

    /// Not available: `trackRequest` needs a closure. ``beginRequest(model:operation:attributes:)`` tracks a request that ends
    /// somewhere else.
    @available(
        *,
        unavailable,
        message: """
            trackRequest tracks what its closure does; give it one, or call beginRequest(model:) for a request that ends \
            somewhere else, such as at the end of a stream
            """
    )
    public func trackRequest(
        model: String,
        operation: String = "chat",
        attributes: [String: String] = [:]
    ) -> ServerRequest {
        beginRequest(model: model, operation: operation, attributes: attributes)
    }

    /// Tracks a request that ends somewhere else, such as at the end of a stream: it counts as running at once, and as ended
    /// at its `finish`.
    ///
    /// Thread-safe. Where the work ends with a scope, ``trackRequest(model:operation:attributes:_:)`` is simpler.
    ///
    /// ```swift
    /// func stream(_ tokens: AsyncStream<String>) async {
    ///     let request = metrics.beginRequest(model: "llama-3")
    ///     for await _ in tokens {
    ///         request.markFirstToken()
    ///         request.addOutputTokens(1)
    ///     }
    ///     request.finish(inputTokens: 512)
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise; `chat`, `text_completion`, `embeddings`, ...
    ///   - attributes: further attributes, likewise. ``RequestConfiguration/allowedAttributes`` must list their keys; others
    ///     are dropped with one warning.
    /// - Returns: the request. Keep it until it has ended: a dropped request ends with `error.type` `abandoned`.
    public func beginRequest(
        model: String,
        operation: String = "chat",
        attributes: [String: String] = [:]
    ) -> ServerRequest {
        request(RequestStore.Kind(model: model, operation: operation), attributes, isWaiting: false)
    }

    /// Tracks a request that waits in a queue first: it counts as waiting until ``ServerRequest/start()``, then as running
    /// until its `finish`.
    ///
    /// Its times run from this call, so they include the time in the queue. Thread-safe.
    ///
    /// ```swift
    /// let request = metrics.enqueueRequest(model: "llama-3")
    /// // ... when a slot is free:
    /// request.start()
    /// // ... and when the answer is complete:
    /// request.finish(outputTokens: 128)
    /// ```
    ///
    /// - Parameters:
    ///   - model: attribute `gen_ai.request.model`, cut to 256 bytes of UTF-8; left out if empty.
    ///   - operation: attribute `gen_ai.operation.name`, likewise; `chat`, `text_completion`, `embeddings`, ...
    ///   - attributes: further attributes, likewise. ``RequestConfiguration/allowedAttributes`` must list their keys; others
    ///     are dropped with one warning.
    /// - Returns: the request. Keep it until it has ended: a dropped request ends with `error.type` `abandoned`.
    public func enqueueRequest(
        model: String,
        operation: String = "chat",
        attributes: [String: String] = [:]
    ) -> ServerRequest {
        request(RequestStore.Kind(model: model, operation: operation), attributes, isWaiting: true)
    }

    /// A request that arrives now; counts it as waiting or running.
    private func request(
        _ kind: RequestStore.Kind,
        _ attributes: [String: String],
        isWaiting: Bool
    ) -> ServerRequest {
        var kind = kind
        // Cut before the lock is taken: names may have any length. Only long ones, because cutting retains the name.
        if kind.model.utf8.count > Attribute.longestValue { kind.model = Attribute.cut(kind.model) }
        if kind.operation.utf8.count > Attribute.longestValue { kind.operation = Attribute.cut(kind.operation) }
        if !attributes.isEmpty { kind.own = ownValues(attributes) }
        let trace = requestConfiguration.currentTrace?()
        let arrival = nanoseconds()
        let (place, isOverflow) = state.withLock { state in
            if isWaiting { state.requests.waiting += 1 } else { state.requests.running += 1 }
            let place = state.requests.place(of: kind)
            return (place, state.requests.isOverflow(place))
        }
        if isOverflow { cardinality.warn(of: .requests) }
        return ServerRequest(self, at: place, arrival: arrival, isWaiting: isWaiting, trace: trace)
    }

    /// The values of the allowed keys, in the order of the keys; empty if there are none.
    private func ownValues(_ attributes: [String: String]) -> [String] {
        let keys = requestConfiguration.allowedAttributes
        var values: [String] = []
        for (key, value) in attributes {
            // Few keys are found sooner by comparing than by hashing.
            guard let position = keys.firstIndex(of: key) else {
                warnOfForbidden(key)
                continue
            }
            guard !value.isEmpty else { continue }
            if values.isEmpty { values = [String](repeating: "", count: keys.count) }
            values[position] = value.utf8.count > Attribute.longestValue ? Attribute.cut(value) : value
        }
        return values
    }

    private func warnOfForbidden(_ key: String) {
        guard forbiddenAttributes.exchange(true, ordering: .relaxed) == false else { return }
        log.warning(
            "Request attributes such as \(quoted(key)) are dropped: add their keys to requests.allowedAttributes"
        )
    }

    /// What an error counts as; nil for a success.
    func failure(_ error: (any Error)?) -> RequestStore.Failure? {
        guard let error else { return nil }
        guard let outcome = requestConfiguration.outcomeOfError?(error) else { return .thrown(type(of: error)) }
        return outcome.errorType.map { .named($0) }
    }
}
