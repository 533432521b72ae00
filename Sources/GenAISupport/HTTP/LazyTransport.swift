// A transport that is made when it is first needed.

/// Makes its transport at the first request, on the thread that sends it.
///
/// Loading libcurl and making its TLS library ready takes 3 to 8 ms, the classes of URLSession 0.3 ms, which
/// `instrument()` must not take of its caller.
final class LazyTransport: HTTPTransport {
    private enum State {
        case notYet(@Sendable () -> any HTTPTransport)
        case made(any HTTPTransport)
        case closed
    }

    private let state: Locked<State>

    init(_ make: @escaping @Sendable () -> any HTTPTransport) {
        state = Locked(.notYet(make))
    }

    func send(
        _ request: HTTPRequest,
        deadline: ContinuousClock.Instant,
        cancellation: Cancellation
    ) -> Result<HTTPResponse, HTTPFailure> {
        transport()?.send(request, deadline: deadline, cancellation: cancellation) ?? .failure(.cancelled)
    }

    func close() {
        let old = state.withLock { state in
            defer { state = .closed }
            return state
        }
        if case .made(let transport) = old { transport.close() }
    }

    private func transport() -> (any HTTPTransport)? {
        state.withLock { state in
            switch state {
            case .notYet(let make):
                let transport = make()
                state = .made(transport)
                return transport
            case .made(let transport): return transport
            case .closed: return nil
            }
        }
    }
}
