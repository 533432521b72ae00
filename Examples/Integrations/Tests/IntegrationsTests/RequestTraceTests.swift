import GenAIOtel
import Testing
import Tracing

@testable import Integrations

@Suite("swift-distributed-tracing")
struct RequestTraceTests {
    @Test("the current trace is that of the task's context")
    func current() throws {
        TraceParentInstrument.bootstrap
        #expect(RequestTrace.current == nil)
        ServiceContext.withValue(.topLevel) { #expect(RequestTrace.current == nil) }
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        let trace = try #require(ServiceContext.withValue(.with(traceParent: parent)) { RequestTrace.current })
        #expect(trace.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(trace.spanID == "b7ad6b7169203331")
        #expect(!trace.isSampled)
    }
}

/// Stands for a tracer: writes W3C's header.
struct TraceParentInstrument: Instrument {
    /// Once for the process, as the system wants it.
    static let bootstrap: Void = InstrumentationSystem.bootstrap(TraceParentInstrument())

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier,
        into context: inout ServiceContext,
        using extractor: Extract
    ) where Extract.Carrier == Carrier {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext,
        into carrier: inout Carrier,
        using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let parent = context[TraceParentKey.self] else { return }
        injector.inject(parent, forKey: "traceparent", into: &carrier)
    }
}

private enum TraceParentKey: ServiceContextKey {
    typealias Value = String
}

extension ServiceContext {
    static func with(traceParent: String) -> ServiceContext {
        var context = ServiceContext.topLevel
        context[TraceParentKey.self] = traceParent
        return context
    }
}
