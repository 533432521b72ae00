import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

/// A source that calls `instrument()` and `getServerMetrics()` whenever it is asked for something.
private struct CallingSource: ServerMetricsSource {
    struct Calls {
        /// What it was asked for.
        var asked: Set<String> = []
        var underWay = 0
        var areOver = false
    }

    let calls: Monitor<Calls>

    var server: ServerIdentity {
        call("server")
        return ServerIdentity(engine: "own", address: "h", port: 1)
    }

    var interval: Duration {
        call("interval")
        return .milliseconds(10)
    }

    func read() async throws -> ServerReading {
        call("read")
        return ServerReading(server: ServerIdentity(engine: "own", address: "h", port: 1))
    }

    private func call(_ name: String) {
        let begins = calls.mutate { calls in
            calls.asked.insert(name)
            if !calls.areOver { calls.underWay += 1 }
            return !calls.areOver
        }
        guard begins else { return }
        let environment = ["OTEL_SDK_DISABLED": "true", "GENAI_LOG_LEVEL": "none"]
        instrument(GenAIConfiguration(environment: environment)).serverMetrics.removeModel("x")
        getServerMetrics()?.incrementRequestsRunning()
        calls.mutate { $0.underWay -= 1 }
    }
}

/// They share the one instrumentation that a process has, so they run one after another.
@Suite("instrument(), getServerMetrics(), flush and shutdown", .serialized, .blocking)
struct InstrumentationTests {
    private let recorder = LogRecorder()

    private func configuration(endpoint: String? = nil) -> GenAIConfiguration {
        var environment: [String: String] = ["GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        var configuration = GenAIConfiguration(environment: environment)
        configuration.exporters = endpoint == nil ? [] : [.otlp]
        configuration.logHandler = recorder.handler
        return configuration
    }

    private func exportThreads() -> Int { threadNames().count { ["genai-export", "genai-collect"].contains($0) } }

    @Test("before instrument() there is no collector; afterwards always the same; after shutdown none again")
    func getter() {
        #expect(getServerMetrics() == nil)
        let first = instrument(configuration())
        #expect(getServerMetrics() === first.serverMetrics)
        let second = instrument(GenAIConfiguration())
        #expect(second === first)
        #expect(getServerMetrics() === first.serverMetrics)
        #expect(recorder.lines(.warning).count == 1)
        #expect(first.shutdown())
        #expect(getServerMetrics() == nil)
    }

    @Test("instrument() after shutdown() works afresh")
    func again() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        for round in 1...3 {
            let instrumentation = instrument(configuration(endpoint: server.url))
            #expect(instrumentation.serverMetrics.requestsRunning == 0)
            getServerMetrics()?.setRequestsRunning(round)
            #expect(instrumentation.forceFlush())
            #expect(instrumentation.shutdown())
        }
        #expect(server.requests.count == 6)
        #expect(eventually { exportThreads() == 0 })
    }

    @Test("the guide's example arrives as it is set")
    func guide() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let instrumentation = instrument(configuration(endpoint: server.url))
        let metrics = try #require(getServerMetrics())
        metrics.setKVCacheUsage(model: "gpt-4", percent: 75.5)
        metrics.setKVCacheUsage(model: "llama-2-7b", percent: 42)
        metrics.setRequestsRunning(5)
        metrics.setRequestsWaiting(12)
        metrics.setRequestsMax(50)
        metrics.incrementRequestsRunning()
        metrics.decrementRequestsWaiting(by: 2)
        #expect(instrumentation.shutdown())
        let body = String(decoding: try #require(server.requests.last).body, as: UTF8.self)
        for value in [#""asDouble":75.5"#, #""asDouble":42.0"#, #""asInt":"6""#, #""asInt":"10""#, #""asInt":"50""#] {
            #expect(body.contains(value))
        }
        #expect(instrumentation.exportStatistics.pointsDelivered == 5)
    }

    @Test("nothing to export to: no thread, and flushes succeed")
    func noExporter() {
        let instrumentation = instrument(configuration())
        // Those of an earlier test may take a moment to go.
        #expect(eventually { exportThreads() == 0 })
        #expect(instrumentation.forceFlush())
        #expect(instrumentation.shutdown())
        #expect(instrumentation.exportStatistics == ExportStatistics())
    }

    @Test("disabled: nothing is sent, the collector works")
    func disabled() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        var configuration = configuration(endpoint: server.url)
        configuration.isDisabled = true
        let instrumentation = instrument(configuration)
        getServerMetrics()?.setRequestsRunning(3)
        #expect(instrumentation.serverMetrics.requestsRunning == 3)
        #expect(instrumentation.forceFlush())
        #expect(instrumentation.shutdown())
        #expect(server.requests.isEmpty)
    }

    @Test("shutdown is idempotent, ends the thread, and later flushes say that nothing was delivered")
    func shutdownTwice() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let instrumentation = instrument(configuration(endpoint: server.url))
        #expect(eventually { exportThreads() == 2 }, "\(exportThreads()) threads")
        #expect(instrumentation.shutdown())
        #expect(instrumentation.shutdown())
        #expect(!instrumentation.forceFlush())
        #expect(server.requests.count == 1)
        #expect(eventually { exportThreads() == 0 })
        instrumentation.serverMetrics.setRequestsRunning(7)
        #expect(instrumentation.serverMetrics.requestsRunning == 7, "handlers that still hold it come to no harm")
    }

    @Test("flush and shutdown tell of failure and keep to their time against a collector that hangs, drips or refuses")
    func deadCollector() throws {
        let hanging = try LoopbackServer(always: .hang)
        let dripping = try LoopbackServer(always: .drip(interval: .milliseconds(5)))
        defer {
            hanging.stop()
            dripping.stop()
        }
        for endpoint in [RefusedPort.url, hanging.url, dripping.url] {
            let instrumentation = instrument(configuration(endpoint: endpoint))
            let start = ContinuousClock.now
            #expect(!instrumentation.forceFlush(timeout: .milliseconds(100)))
            #expect(!instrumentation.shutdown(timeout: .milliseconds(200)))
            // The bound is generous: it tells a timeout that holds from one that does not (10 seconds here).
            #expect(start.duration(to: .now) < .seconds(8))
            #expect(eventually { exportThreads() == 0 })
        }
    }

    @Test(
        "extreme timeouts are taken as they are meant",
        arguments: [Duration.zero, .seconds(-1), .seconds(Int64.max)]
    )
    func extremeTimeouts(timeout: Duration) throws {
        // One that answers might do so before anybody has looked.
        let server = try LoopbackServer(always: timeout > .zero ? .json("{}") : .hang)
        defer { server.stop() }
        let instrumentation = instrument(configuration(endpoint: server.url))
        #expect(instrumentation.forceFlush(timeout: timeout) == (timeout > .zero))
        #expect(instrumentation.shutdown(timeout: timeout) == (timeout > .zero))
        #expect(eventually { exportThreads() == 0 })
    }

    @Test("flush and shutdown can be awaited")
    func asynchronous() async throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        // Not the process's own: other tests run while this one waits, and would be given it.
        let instrumentation = GenAIInstrumentation(configuration(endpoint: server.url))
        instrumentation.start()
        #expect(await instrumentation.forceFlush())
        #expect(await instrumentation.shutdown())
        #expect(instrumentation.exportStatistics.exportsDelivered == 2)
    }

    @Test("many threads that instrument, count and shut down at once come to no harm")
    func threads() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let configuration = configuration(endpoint: server.url)
        DispatchQueue.concurrentPerform(iterations: 8) { index in
            for _ in 0..<20 {
                let instrumentation = instrument(configuration)
                getServerMetrics()?.incrementRequestsRunning()
                if index % 4 == 0 { _ = instrumentation.shutdown(timeout: .seconds(10)) }
            }
        }
        instrument(configuration).shutdown(timeout: .seconds(10))
        #expect(getServerMetrics() == nil)
        #expect(eventually { exportThreads() == 0 })
    }

    @Test("warnings of the configuration are logged, each once; certificates switch export off with an error")
    func messages() {
        var configuration = GenAIConfiguration(environment: [
            "OTEL_METRIC_EXPORT_INTERVAL": "abc", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
            "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
        ])
        configuration.logHandler = recorder.handler
        let instrumentation = instrument(configuration)
        #expect(recorder.lines(.warning).count == 1)
        #expect(recorder.lines(.warning).first?.contains("OTEL_METRIC_EXPORT_INTERVAL") == true)
        #expect(recorder.lines(.error).count == 1)
        #expect(recorder.lines(.error).first?.contains("certificate") == true)
        #expect(eventually { exportThreads() == 0 })
        #expect(instrumentation.shutdown())
    }

    @Test("a log handler that uses the library does not lock up")
    func reentrantHandler() {
        var configuration = configuration()
        configuration.exportInterval = .zero
        configuration.logHandler = { _ in
            getServerMetrics()?.incrementRequestsRunning()
            instrument(GenAIConfiguration(environment: ["GENAI_LOG_LEVEL": "none"])).serverMetrics.removeModel("x")
        }
        // A second call inside the handler would warn and so call the handler again without end.
        configuration.logLevel = .error
        let instrumentation = instrument(configuration)
        instrumentation.serverMetrics.setKVCacheUsage(model: "m", percent: .nan)
        #expect(instrumentation.shutdown())
    }

    @Test(
        "no log handler is called while instrument() is under way, so it may call instrument() itself, without a guard"
    )
    func handlerThatInstruments() {
        let lines = Monitor<[String]>([])
        var configuration = configuration()
        let engine = EngineTarget(url: URL(string: "ftp://h")!)
        configuration.engines = [engine, engine]
        configuration.exportInterval = .zero
        configuration.logHandler = { entry in
            lines.mutate { $0.append(entry.message) }
            instrument(GenAIConfiguration(environment: ["GENAI_LOG_LEVEL": "none"])).serverMetrics.setRequestsRunning(1)
        }
        let instrumentation = instrument(configuration)
        #expect(instrumentation.shutdown())
        let all = lines.read { $0 }
        #expect(all.count { $0.contains("An engine's URL") } == 2)
        #expect(all.count { $0.contains("exportInterval") } == 1)
        #expect(all.count { $0.contains("called again") } == 1, "once a minute at most")
    }

    @Test("a source whose `interval`, `server` and `read()` call instrument() holds up neither that nor shutdown()")
    func sourceThatInstruments() {
        let calls = Monitor(CallingSource.Calls())
        var configuration = configuration()
        configuration.sources = [CallingSource(calls: calls), CallingSource(calls: calls)]
        let returned = Monitor<[GenAIInstrumentation]>([])
        for _ in 0..<8 {
            Thread.detachNewThread { [configuration] in
                let instrumentation = instrument(configuration)
                returned.mutate { $0.append(instrumentation) }
            }
        }
        let all = returned.wait(until: .now + .seconds(10)) { $0.count == 8 ? $0 : nil }
        #expect(all != nil, "instrument() does not return")
        #expect(all?.allSatisfy { $0 === all?.first } == true)
        let isEach: Bool? = calls.wait(until: .now + .seconds(10)) { $0.asked.count == 3 ? true : nil }
        #expect(isEach == true)
        // From a thread of its own: if it hangs, this test says so.
        let isShutDown = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = all?.first?.shutdown() ?? false
            isShutDown.mutate { $0 = result }
        }
        #expect(isShutDown.wait(until: .now + .seconds(10)) { $0 } == true)
        // A read that was given up may call instrument() once more, and start it afresh.
        calls.mutate { $0.areOver = true }
        let areDone: Bool? = calls.wait(until: .now + .seconds(10)) { $0.underWay == 0 ? true : nil }
        #expect(areDone == true)
        instrument(self.configuration()).shutdown()
        #expect(getServerMetrics() == nil)
        #expect(eventually { !threadNames().contains("genai-engines") })
    }
}
