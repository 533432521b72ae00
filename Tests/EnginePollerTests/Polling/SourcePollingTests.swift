import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Polling a source of the application's", .blocking)
struct SourcePollingTests {
    private static let server = ServerIdentity(engine: "mine", address: "h", port: 1)
    private static let good = ServerReading(server: server, models: [ModelReading(model: "m", requestsRunning: 1)])

    private struct Source: ServerMetricsSource {
        var server: ServerIdentity { SourcePollingTests.server }
        var action: @Sendable () async throws -> ServerReading
        func read() async throws -> ServerReading { try await action() }
    }

    private struct Broken: Error {}

    private func poll(
        _ log: LogRecorder,
        timeout: Duration = .seconds(120),
        _ action: @escaping @Sendable () async throws -> ServerReading
    )
        -> SourcePoll
    {
        SourcePoll(Source(action: action), latest: Locked(nil), timeout: timeout, ManualTimeSource(), log.log())
    }

    @Test("its reading is handed on, every five seconds by default")
    func reading() {
        let poll = poll(LogRecorder()) { Self.good }
        #expect(poll.read(Cancellation()) == Self.good)
        #expect(poll.interval == .seconds(5))
    }

    @Test("a reading goes by the source's own name")
    func identity() {
        let poll = poll(LogRecorder()) {
            ServerReading(server: ServerIdentity(engine: "other", address: "x", port: 2), modelsLoaded: 3)
        }
        #expect(poll.read(Cancellation()) == ServerReading(server: Self.server, modelsLoaded: 3))
    }

    @Test("two sources of one identity, and a source that is a target too, are warned of once, at the start")
    func twins() throws {
        struct Named: ServerMetricsSource {
            var server: ServerIdentity
            func read() async throws -> ServerReading { ServerReading(server: server) }
        }
        func source(_ engine: String, _ port: Int, _ attributes: [String: String] = [:]) -> Named {
            Named(server: ServerIdentity(engine: engine, address: "127.0.0.1", port: port, attributes: attributes))
        }
        let log = LogRecorder()
        let target = EngineTarget(url: try #require(URL(string: "http://127.0.0.1:1")))
        let poller = EngineServerMetricsPoller(
            targets: [target],
            sources: [
                source("mine", 2), source("mine", 2), source("mine", 2, ["pod": "b"]), source("other", 2),
                source("vllm", 1), source("vllm", 1, ["pod": "a"]),
            ],
            log: log.log(),
            timeSource: ManualTimeSource(),
            onReading: { _ in }
        )
        #expect(log.lines(.warning).isEmpty, "a source is not asked before the start")
        func warnings() -> [String] { log.lines(.warning).filter { $0.contains("overwrites") } }
        poller.start()
        #expect(
            warnings() == [
                #"The source "mine" at "127.0.0.1:2" is configured twice, and each overwrites the other: give one of them another port or attributes"#,
                #"The source "vllm" at "127.0.0.1:1" is polled as an engine too, and each overwrites the other: keep one of them"#,
            ]
        )
        #expect(poller.stop())
        poller.start()
        #expect(warnings().count == 2)
        #expect(poller.stop())
    }

    @Test("an error is down, logged once, and so is its end")
    func thrown() {
        let log = LogRecorder()
        let fails = Locked(true)
        let poll = poll(log) {
            if fails.withLock({ $0 }) { throw Broken() }
            return Self.good
        }
        for _ in 0..<3 {
            #expect(poll.read(Cancellation()) == .down(Self.server, because: #""Broken()""#))
        }
        fails.withLock { $0 = false }
        #expect(poll.read(Cancellation()) == Self.good)
        #expect(log.lines(.warning) == [#"The source "mine" at "h:1" can't be read: "Broken()""#])
        #expect(log.lines(.info).count == 1)
    }

    @Test("a read that takes too long is cancelled, and counts as down")
    func slow() {
        let log = LogRecorder()
        let wasCancelled = Monitor(false)
        let poll = poll(log, timeout: .milliseconds(50)) {
            do { try await Task.sleep(for: .seconds(60)) } catch { wasCancelled.mutate { $0 = true } }
            return Self.good
        }
        #expect(poll.read(Cancellation())?.withoutProblem == .down(Self.server))
        #expect(wasCancelled.wait(until: .now + .seconds(60)) { $0 ? true : nil } == true)
        #expect(log.lines(.warning).first?.contains("did not return within 0.05 seconds") == true)
    }

    @Test("it is not read again before the last read has returned")
    func oneAtATime() async {
        let reads = Monitor(0)
        let gate = Gate()
        let poll = poll(LogRecorder(), timeout: .milliseconds(50)) {
            reads.mutate { $0 += 1 }
            await gate.wait()
            return Self.good
        }
        for _ in 0..<3 { #expect(poll.read(Cancellation())?.withoutProblem == .down(Self.server)) }
        // A thread of the cooperative pool may be long in coming.
        #expect(eventually { reads.read { $0 } > 0 })
        for _ in 0..<3 { #expect(poll.read(Cancellation())?.withoutProblem == .down(Self.server)) }
        #expect(reads.read { $0 } == 1)
        await gate.open()
        #expect(eventually { poll.read(Cancellation()) == Self.good })
    }

    @Test("stopping ends a read that is under way; there is no reading then")
    func cancelled() {
        let log = LogRecorder()
        let cancellation = Cancellation()
        let poll = poll(log) {
            cancellation.cancel()
            try? await Task.sleep(for: .seconds(60))
            return Self.good
        }
        #expect(poll.read(cancellation) == nil)
        #expect(log.lines.isEmpty)
    }
}

/// Holds tasks back, also cancelled ones, until it is opened.
private actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }
}
