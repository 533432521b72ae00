// Lets Swift 6.0 run a request's work on the caller's actor.

#if compiler(<6.1)
extension ServerRequest {
    /// Calls `body` on the caller's actor and returns what it returns.
    ///
    /// Swift 6.0 assumes that the result of an `async` closure comes from outside the actor, and refuses it unless it
    /// is `Sendable` or `sending`; later compilers check where the closure is from. The cast only adds `sending`, which
    /// changes nothing at run time. It is sound because the result never leaves the caller's actor. It requires an
    /// escaping closure, hence `withoutActuallyEscaping`.
    func result<R>(
        of body: (ServerRequest) async throws -> R,
        isolation: isolated (any Actor)? = #isolation
    ) async rethrows -> R {
        try await withoutActuallyEscaping(body) { body in
            // A closure runs on the actor only if it captures it.
            _ = isolation
            return OnActor(value: try await unsafeBitCast(body, to: SendingBody<R>.self)(self))
        }.value
    }
}

private typealias SendingBody<R> = (ServerRequest) async throws -> sending R

/// Sendable: the value never leaves the caller's actor.
private struct OnActor<Value>: @unchecked Sendable { let value: Value }
#endif
