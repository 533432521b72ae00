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
            let results = [
                instrumentation.forceFlush(timeout: .milliseconds(100)),
                instrumentation.shutdown(timeout: .milliseconds(200)),
            ]
            // Who drips has said 200, which is a delivery if it was heard in time.
            #expect(endpoint == dripping.url || results == [false, false])
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

    @Test("one line at the start says where metrics go, how often and what is polled, and no secret")
    func startNote() {
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:s3cret@127.0.0.1:1/x?key=s3cret",
            "OTEL_METRICS_EXPORTER": "otlp,console", "OTEL_METRIC_EXPORT_INTERVAL": "86400000",
            "OLLAMA_BASE_URL": "http://me:s3cret@127.0.0.1:2",
            "GENAI_SERVER_METRICS_TARGETS": "http://me:s3cret@127.0.0.1:3/metrics?key=s3cret",
        ])
        configuration.logHandler = recorder.handler
        configuration.sources = [CallingSource(calls: Monitor(CallingSource.Calls(areOver: true)))]
        let instrumentation = instrument(configuration)
        defer { instrumentation.shutdown(timeout: .zero) }
        let expected =
            "Metrics go to http://127.0.0.1:1/x/v1/metrics (http/json) and the console every 86400 s; polled: Ollama at "
            + "http://127.0.0.1:2, 1 engine (http://127.0.0.1:3/metrics), 1 source, this machine's GPUs"
        #expect(recorder.lines(.info).first == expected)
        #expect(!recorder.messages.contains { $0.contains("s3cret") })
        _ = instrument(configuration)
        #expect(recorder.messages.count { $0.hasPrefix("Metrics go to") } == 1)
    }

    @Test("the line at the start in other cases")
    func otherStartNotes() {
        func note(_ environment: [String: String], _ change: (inout GenAIConfiguration) -> Void = { _ in }) -> String {
            var configuration = GenAIConfiguration(environment: environment)
            change(&configuration)
            return StartNote(configuration, sendsOTLP: configuration.exporters.contains(.otlp)).text
        }
        #expect(note(["OTEL_SDK_DISABLED": "true"]) == "Metrics are disabled: nothing is exported or polled")
        #expect(
            note([:]) == "Metrics go to http://localhost:4318/v1/metrics (http/json) every 60 s; "
                + "polled: Ollama at http://localhost:11434 if there is one, this machine's GPUs"
        )
        let alone = ["OTEL_METRICS_EXPORTER": "none", "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]
        #expect(
            note(alone) { $0.gpus = nil }
                == "Metrics are not exported, only served as Prometheus text; nothing is polled"
        )
        let five = ["GENAI_SERVER_METRICS_TARGETS": "http://a http://b http://c http://d http://e"]
        #expect(note(five).contains("5 engines (http://a, http://b, http://c, 2 more)"))
    }

    @Test("each export is told at the level debug: where, how much, how long, how it ended")
    func exportLines() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        var configuration = configuration(endpoint: server.url)
        configuration.logLevel = .debug
        let instrumentation = instrument(configuration)
        #expect(instrumentation.forceFlush())
        let line = try #require(recorder.lines(.debug).first { $0.hasPrefix("Export to the collector: ") })
        let size = try #require(server.requests.first?.body.count)
        #expect(
            try /Export to the collector: 2 points, (\d+) bytes, \d+ ms, delivered/.wholeMatch(in: line)?.1 == "\(size)"
        )
        #expect(instrumentation.shutdown())
    }

    @Test("an Ollama that is only looked for is reported once it has answered; then also that it is down")
    func unconfiguredOllama() {
        let ollama = ServerIdentity(engine: "ollama", address: "localhost", port: 11434)
        func recorded(_ settings: OllamaConfiguration, _ readings: [ServerReading]) -> [Bool?] {
            let collector = ServerMetricsCollector(cardinalityLimit: 10, log: recorder.log())
            let record = GenAIInstrumentation.recorder(of: settings, collector)
            return readings.map { reading in
                record(reading)
                return collector.readings.first?.isUp
            }
        }
        let readings = [ServerReading.down(ollama), ServerReading(server: ollama, modelsLoaded: 0), .down(ollama)]
        #expect(recorded(OllamaConfiguration(environment: [:]), readings) == [nil, true, false])
        #expect(recorded(OllamaConfiguration(environment: ["OLLAMA_HOST": "h"]), readings) == [false, true, false])
        var inCode = OllamaConfiguration(environment: [:])
        inCode.url = URL(string: "http://localhost:11434")!
        #expect(recorded(inCode, readings) == [false, true, false])
        let bad = OllamaConfiguration(environment: ["OLLAMA_BASE_URL": "h:1"])
        #expect(recorded(bad, readings) == [nil, true, false], "what is used is not what was configured")
    }

    @Test("a configured Ollama that never answers is down in what is exported")
    func downOllama() {
        var configuration = GenAIConfiguration(environment: ["OLLAMA_BASE_URL": "http://127.0.0.1:1"])
        configuration.exporters = []
        configuration.gpus = nil
        configuration.logHandler = recorder.handler
        let instrumentation = instrument(configuration)
        let line = #"gen_ai_server_up{engine="ollama",server_address="127.0.0.1",server_port="1"} 0"#
        #expect(eventually { instrumentation.prometheusText().contains(line) })
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
        let all = returned.wait(until: .now + .seconds(60)) { $0.count == 8 ? $0 : nil }
        #expect(all != nil, "instrument() does not return")
        #expect(all?.allSatisfy { $0 === all?.first } == true)
        let isEach: Bool? = calls.wait(until: .now + .seconds(60)) { $0.asked.count == 3 ? true : nil }
        #expect(isEach == true)
        // From a thread of its own: if it hangs, this test says so.
        let isShutDown = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = all?.first?.shutdown() ?? false
            isShutDown.mutate { $0 = result }
        }
        #expect(isShutDown.wait(until: .now + .seconds(60)) { $0 } == true)
        // A read that was given up may call instrument() once more, and start it afresh.
        calls.mutate { $0.areOver = true }
        let areDone: Bool? = calls.wait(until: .now + .seconds(60)) { $0.underWay == 0 ? true : nil }
        #expect(areDone == true)
        instrument(self.configuration()).shutdown()
        #expect(getServerMetrics() == nil)
        #expect(eventually { !threadNames().contains("genai-engines") })
    }
}
