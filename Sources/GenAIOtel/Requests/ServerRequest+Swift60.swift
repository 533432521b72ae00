// What Swift 6.0 needs to let a request's work run on the caller's actor.

#if compiler(<6.1)
extension ServerRequest {
    /// Calls `body` on the caller's actor and returns what it returns.
    ///
    /// Swift 6.0 takes any result of an `async` closure for one that comes from outside the actor, and refuses it unless it
    /// is `Sendable` or `sending`; later compilers look at where the closure is from. The cast only says `sending`, which
    /// changes nothing at run time. It is sound because the result goes straight back to the caller, whose actor it never
    /// leaves. It can only be written for an escaping closure, which is why this one is made to look like one.
    func result<R>(
        of body: (ServerRequest) async throws -> R,
        isolation: isolated (any Actor)? = #isolation
    ) async rethrows -> R {
        try await withoutActuallyEscaping(body) { body in
            // A closure is on the actor only if it mentions it.
            _ = isolation
            return OnActor(value: try await unsafeBitCast(body, to: SendingBody<R>.self)(self))
        }.value
    }
}

private typealias SendingBody<R> = (ServerRequest) async throws -> sending R

/// Not sent anywhere: both ends of its way are the caller's actor.
private struct OnActor<Value>: @unchecked Sendable { let value: Value }
#endif
