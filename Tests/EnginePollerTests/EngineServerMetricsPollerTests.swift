import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("EnginePoller: threads, intervals, starting and stopping", .blocking)
struct EnginePollerTests {
    private static let page = LoopbackAnswer.text("vllm:num_requests_running{model_name=\"m\"} 3\n")

    private struct Source: ServerMetricsSource {
        var server = ServerIdentity(engine: "mine", address: "h", port: 1)
        var interval: Duration = .seconds(7)
        func read() async throws -> ServerReading { ServerReading(server: server, modelsLoaded: 1) }
    }

    private let time = ManualTimeSource()
    private let recorder = ReadingRecorder()
    private let log = LogRecorder()

    private func poller(
        _ urls: [String],
        sources: [any ServerMetricsSource] = [],
        pollTimeout: Duration = .seconds(10),
        onReading: (@Sendable (ServerReading) -> Void)? = nil
    ) throws -> EngineServerMetricsPoller {
        let targets = try urls.map { EngineTarget(url: try #require(URL(string: $0)), interval: .seconds(3)) }
        return EngineServerMetricsPoller(
            targets: targets,
            sources: sources,
            log: log.log(),
            timeSource: time,
            pollTimeout: pollTimeout,
            onReading: onReading ?? recorder.record
        )
    }

    @Test("it polls at once and then at the target's interval")
    func intervals() throws {
        let server = try LoopbackServer(always: Self.page)
        defer { server.stop() }
        let poller = try poller([server.url])
        defer { poller.stop() }
        #expect(!poller.isRunning)
        poller.start()
        #expect(poller.isRunning)
        #expect(recorder.wait(for: 1)?.models == [ModelReading(model: "m", requestsRunning: 3)])
        for count in 2...4 {
            #expect(time.waitForSleepers())
            #expect(time.timeUntilNextDeadline == .seconds(3))
            time.advance(by: .seconds(3))
            #expect(recorder.wait(for: count)?.isUp == true)
        }
        #expect(poller.stop())
        #expect(!poller.isRunning)
        #expect(server.requests.count == 4)
        #expect(Set(server.requests.map(\.connection)) == [0], "the connection is kept")
        #expect(eventually { server.openConnections == 0 }, "and closed at the end")
    }

    @Test("a target that hangs does not delay the others")
    func hanging() throws {
        let hanging = try LoopbackServer(always: .hang)
        defer { hanging.stop() }
        let healthy = try LoopbackServer(always: Self.page)
        defer { healthy.stop() }
        let poller = try poller([hanging.url, healthy.url], pollTimeout: .seconds(600))
        defer { poller.stop() }
        poller.start()
        #expect(recorder.wait { $0.server.port == healthy.port }?.isUp == true)
        #expect(hanging.waitForRequests(1))
        for count in 2...3 {
            #expect(time.waitForSleepers())
            time.advance(by: .seconds(3))
            #expect(recorder.wait(for: count) { $0.server.port == healthy.port }?.isUp == true)
        }
        #expect(poller.stop())
        #expect(recorder.readings.allSatisfy { $0.server.port == healthy.port })
    }

    @Test("a target that comes back is up again")
    func recovery() throws {
        let answer = Locked(Self.page)
        let server = try LoopbackServer { _ in answer.withLock { $0 } }
        defer { server.stop() }
        let poller = try poller([server.url])
        defer { poller.stop() }
        poller.start()
        #expect(recorder.wait(for: 1)?.isUp == true)
        for (count, next) in [(2, LoopbackAnswer.close), (3, Self.page)] {
            answer.withLock { $0 = next }
            #expect(time.waitForSleepers())
            time.advance(by: .seconds(3))
            #expect(recorder.wait(for: count)?.isUp == (count == 3))
        }
        #expect(recorder.readings.map(\.server.engine) == ["vllm", "vllm", "vllm"])
    }

    @Test("a source is polled at its own interval")
    func source() throws {
        let poller = try poller([], sources: [Source()])
        defer { poller.stop() }
        poller.start()
        #expect(recorder.wait() == ServerReading(server: Source().server, modelsLoaded: 1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(7))
    }

    @Test("without targets and sources there is no thread")
    func nothing() throws {
        let poller = try poller([])
        poller.start()
        #expect(!poller.isRunning)
        #expect(poller.stop())
    }

    @Test("starting twice makes one thread; stopping twice does nothing; it can be started again")
    func lifeCycle() throws {
        let server = try LoopbackServer(always: Self.page)
        defer { server.stop() }
        let poller = try poller([server.url])
        #expect(poller.stop(), "not started yet")
        poller.start()
        poller.start()
        #expect(recorder.wait(for: 1) != nil)
        #expect(time.waitForSleepers())
        #expect(poller.stop())
        #expect(poller.stop())
        #expect(recorder.readings.count == 1)
        poller.start()
        #expect(recorder.wait(for: 2)?.isUp == true)
        #expect(poller.stop())
        #expect(recorder.readings.count == 2)
    }

    @Test("stopping ends a poll that hangs, with no reading")
    func stopsHangingPoll() throws {
        let server = try LoopbackServer(always: .hang)
        defer { server.stop() }
        let poller = try poller([server.url], pollTimeout: .seconds(600))
        poller.start()
        #expect(server.waitForRequests(1))
        #expect(poller.stop())
        #expect(recorder.readings.isEmpty)
        #expect(log.lines.isEmpty)
    }

    @Test("stopping from the handler of a reading says false and ends the thread all the same")
    func stopsFromHandler() throws {
        let answers = Monitor<[Bool]>([])
        let own = Monitor<EngineServerMetricsPoller?>(nil)
        let poller = try poller([], sources: [Source()]) { _ in
            let poller = own.wait(until: .now + .seconds(60)) { $0 }
            answers.mutate { $0.append(poller?.stop() ?? true) }
        }
        own.mutate { $0 = poller }
        defer { own.mutate { $0 = nil } }
        poller.start()
        #expect(answers.wait(until: .now + .seconds(60)) { $0.first } == false)
        #expect(eventually { !poller.isRunning })
    }

    @Test("a handler that takes longer than the timeout is not waited for")
    func stopTimeout() throws {
        let isReading = Monitor(false)
        let goOn = Monitor(false)
        let poller = try poller([], sources: [Source()]) { _ in
            isReading.mutate { $0 = true }
            let _: Bool? = goOn.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        }
        poller.start()
        #expect(isReading.wait(until: .now + .seconds(60)) { $0 ? true : nil } == true)
        #expect(!poller.stop(timeout: .milliseconds(10)))
        goOn.mutate { $0 = true }
        #expect(poller.stop())
    }

    @Test("a poller that is let go of ends its threads")
    func released() throws {
        let reading = ReadingRecorder()
        weak var released: EngineServerMetricsPoller?
        do {
            let poller = try poller([], sources: [Source()], onReading: reading.record)
            released = poller
            poller.start()
            #expect(reading.wait() != nil)
            #expect(time.waitForSleepers())
        }
        #expect(released == nil)
        #expect(eventually { time.timeUntilNextDeadline == nil })
    }

    @Test("the public initializer polls with the system's clock and the given log")
    func publicInterface() throws {
        let server = try LoopbackServer(always: .close)
        defer { server.stop() }
        let target = EngineTarget(url: try #require(URL(string: server.url)))
        let poller = EngineServerMetricsPoller(targets: [target], logHandler: log.handler, onReading: recorder.record)
        poller.start()
        #expect(recorder.wait()?.isUp == false)
        #expect(log.waitForLine(containing: "\(server.port)/metrics can't be read")?.level == .warning)
        #if os(Linux)
        let names = threadNames()
        #expect(names.contains("genai-engines"), "\(names)")
        #endif
        #expect(poller.stop())
    }
}
