import Foundation
import GenAIOtel
import Logging
import ServiceLifecycle
import Testing
import Tracing

@testable import Integrations

/// `instrument()` is one for the process, so these run one after another.
@Suite("With the instrumentation", .serialized)
struct InstrumentedTests {
    /// Nothing is exported, polled or logged.
    private static var quiet: GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: [:])
        configuration.exporters = []
        configuration.ollama = nil
        configuration.gpus = nil
        configuration.logLevel = nil
        return configuration
    }

    @Test("the service ends after the others, and delivers what they set last", arguments: [true, false])
    func shutdown(isGraceful: Bool) async throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        try await LocalServer.with { _, write in
            try await write(answer)
        } _: { collector in
            var configuration = Self.quiet
            configuration.exporters = [.otlp]
            configuration.otlp.endpoint = try #require(URL(string: "\(collector.url)/v1/metrics"))
            configuration.exportInterval = .seconds(3_600)
            let instrumentation = instrument(configuration)
            let started = Gate()
            let services = ServiceGroup(
                configuration: .init(
                    services: [
                        InstrumentationService(instrumentation: instrumentation),
                        TestServer(metrics: instrumentation.serverMetrics, started: started),
                    ],
                    logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
                )
            )
            let running = Task { try await services.run() }
            await started.wait()
            if isGraceful { await services.triggerGracefulShutdown() } else { running.cancel() }
            _ = await running.result
            #expect(getServerMetrics() == nil)
            #expect(collector.received.count == 1)
            if isGraceful { #expect(collector.received.last?.contains(#""asInt":"77""#) == true) }
        }
    }

    /// Sets its last value when it ends.
    private struct TestServer: Service {
        var metrics: ServerMetricsCollector
        var started: Gate

        func run() async {
            started.open()
            try? await gracefulShutdown()
            metrics.setRequestsMax(77)
        }
    }

    @Test("a request's trace becomes the exemplar of its duration")
    func exemplar() async {
        TraceParentInstrument.bootstrap
        var configuration = Self.quiet
        configuration.requests.currentTrace = { .current }
        let instrumentation = instrument(configuration)
        let traceID = "0af7651916cd43dd8448eb211c80319c"
        await ServiceContext.withValue(.with(traceParent: "00-\(traceID)-b7ad6b7169203331-01")) {
            await instrumentation.serverMetrics.trackRequest(model: "m") { _ in await Task.yield() }
        }
        instrumentation.serverMetrics.trackRequest(model: "without a trace") { _ in }
        let exemplars = instrumentation.openMetricsText().split(separator: "\n").filter { $0.contains("# {trace_id=") }
        #expect(exemplars.count == 1)
        #expect(exemplars.first?.contains(#"# {trace_id="\#(traceID)",span_id="b7ad6b7169203331"}"#) == true)
        await instrumentation.shutdown()
    }
}
