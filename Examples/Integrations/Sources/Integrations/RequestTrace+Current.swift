// Finds the trace of a request with swift-distributed-tracing.

import GenAIOtel
import Tracing

extension RequestTrace {
    /// The trace of the current task, with any tracer that writes W3C's `traceparent`; nil if there is none.
    static var current: RequestTrace? {
        guard let context = ServiceContext.current else { return nil }
        var headers: [String: String] = [:]
        InstrumentationSystem.instrument.inject(context, into: &headers, using: HeaderInjector())
        return headers["traceparent"].flatMap { RequestTrace(traceParent: $0) }
    }

    private struct HeaderInjector: Injector {
        func inject(_ value: String, forKey key: String, into headers: inout [String: String]) {
            headers[key] = value
        }
    }
}
