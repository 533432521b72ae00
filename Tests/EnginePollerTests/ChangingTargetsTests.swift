import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Engines that come, go and change", .blocking)
struct ChangingTargetsTests {
    private enum Event: Equatable, Sendable {
        case reading(ServerIdentity, isUp: Bool)
        case withdrawal(ServerIdentity)

        var server: ServerIdentity {
            switch self {
            case .reading(let server, _), .withdrawal(let server): server
            }
        }
    }

    private final class Source: ServerMetricsSource {
        let name = Locked("one")
        let onInterval: @Sendable () -> Void
        init(onInterval: @escaping @Sendable () -> Void = {}) { self.onInterval = onInterval }

        var server: ServerIdentity { ServerIdentity(engine: name.withLock { $0 }, address: "h", port: 1) }
        var interval: Duration {
            onInterval()
            return .seconds(3)
        }
        func read() async throws -> ServerReading { ServerReading(server: server, modelsLoaded: 1) }
    }

    private static let vLLM = LoopbackAnswer.text("vllm:num_requests_running{model_name=\"m\"} 3\n")
    private static let sglang = LoopbackAnswer.text("sglang:num_running_reqs{model_name=\"m\"} 3\n")

    private let time = ManualTimeSource()
    private let log = LogRecorder()
    private let events = Monitor<[Event]>([])
    private let readings = ReadingRecorder()

    private func poller(
        _ targets: [EngineTarget],
        sources: [any ServerMetricsSource] = [],
        onReading: @escaping @Sendable (ServerReading) -> Void = { _ in }
    ) -> EngineServerMetricsPoller {
        EngineServerMetricsPoller(
            targets: targets,
            sources: sources,
            log: log.log(),
            timeSource: time,
            pollTimeout: .seconds(10),
            onReading: { [events, readings] reading in
                onReading(reading)
                events.mutate { $0.append(.reading(reading.server, isUp: reading.isUp)) }
                readings.record(reading)
            },
            onWithdrawal: { [events] server in events.mutate { $0.append(.withdrawal(server)) } }
        )
    }

    private func target(_ url: String, token: String? = nil, attributes: [String: String] = [:]) throws -> EngineTarget
    {
        EngineTarget(
            url: try #require(URL(string: url)),
            interval: .seconds(3),
            bearerToken: token,
            attributes: attributes
        )
    }

    private func waitForEvents(_ count: Int) -> [Event] {
        events.wait(until: .now + .seconds(60)) { $0.count >= count ? $0 : nil } ?? events.read { $0 }
    }

    private func nextPoll(_ sleepers: Int = 1) {
        #expect(time.waitForSleepers(sleepers))
        time.advance(by: .seconds(3))
    }

    private func identity(_ engine: String?, _ server: LoopbackServer, path: String? = nil) -> ServerIdentity {
        ServerIdentity(engine: engine, address: "127.0.0.1", port: server.port, path: path)
    }

    @Test("another engine answers at the target: the first is withdrawn, also if it was down in between")
    func anotherEngine() throws {
        let answer = Locked(LoopbackAnswer.close)
        let server = try LoopbackServer { _ in answer.withLock { $0 } }
        defer { server.stop() }
        let poller = poller([try target(server.url)])
        poller.start()
        _ = waitForEvents(1)
        for (next, count) in [(Self.vLLM, 3), (.close, 4), (Self.sglang, 6)] {
            answer.withLock { $0 = next }
            nextPoll()
            _ = waitForEvents(count)
        }
        #expect(poller.stop())
        let (unknown, vLLM, sglang) = (identity(nil, server), identity("vllm", server), identity("sglang", server))
        #expect(
            events.read { $0 } == [
                .reading(unknown, isUp: false), .withdrawal(unknown), .reading(vLLM, isUp: true),
                .reading(vLLM, isUp: false), .withdrawal(vLLM), .reading(sglang, isUp: true),
            ]
        )
    }

    @Test("a restart remembers the engine: down is still down under its name")
    func restart() throws {
        let answer = Locked(Self.vLLM)
        let server = try LoopbackServer { _ in answer.withLock { $0 } }
        defer { server.stop() }
        let poller = poller([try target(server.url)])
        poller.start()
        _ = waitForEvents(1)
        #expect(poller.stop())
        answer.withLock { $0 = .close }
        poller.start()
        #expect(waitForEvents(2).last == .reading(identity("vllm", server), isUp: false))
        #expect(poller.stop())
    }

    @Test("a source that reports as another server: the first is withdrawn")
    func renamedSource() {
        let source = Source()
        let poller = poller([], sources: [source])
        poller.start()
        let first = source.server
        _ = waitForEvents(1)
        source.name.withLock { $0 = "two" }
        nextPoll()
        #expect(waitForEvents(3).suffix(2) == [.withdrawal(first), .reading(source.server, isUp: true)])
        #expect(poller.stop())
    }

    @Test("targets that come are polled at once, those that go are withdrawn, the rest goes on undisturbed")
    func comeAndGo() throws {
        let servers = try (0..<3).map { _ in try LoopbackServer(always: Self.vLLM) }
        defer { for server in servers { server.stop() } }
        let targets = try servers.map { try target($0.url) }
        let poller = poller([targets[0], targets[1]])
        poller.start()
        _ = waitForEvents(2)
        #expect(time.waitForSleepers(2))
        poller.setTargets([targets[1], targets[2]])
        #expect(readings.wait { $0.server.port == servers[2].port } != nil)
        let gone = identity("vllm", servers[0])
        #expect(events.read { $0.last { $0.server == gone } } == .withdrawal(gone))
        #expect(time.waitForSleepers(2))
        #expect(eventually { servers[0].openConnections == 0 })
        for _ in 0..<3 { poller.setTargets([targets[2], targets[1]]) }
        nextPoll(2)
        #expect(readings.wait(for: 2) { $0.server.port == servers[1].port } != nil)
        #expect(readings.wait(for: 2) { $0.server.port == servers[2].port } != nil)
        #expect(poller.stop())
        #expect(servers.map(\.requests.count) == [1, 2, 2])
        #expect(Set(servers[1].requests.map(\.connection)) == [0], "the same run, and its connection")
        #expect(events.read { $0.count { if case .withdrawal = $0 { true } else { false } } } == 1)
    }

    @Test("before the start nothing is polled; after the stop neither; the newest targets count at the start")
    func stopped() throws {
        let servers = try (0..<2).map { _ in try LoopbackServer(always: Self.vLLM) }
        defer { for server in servers { server.stop() } }
        let poller = poller([try target(servers[0].url)])
        poller.setTargets([try target(servers[1].url)])
        #expect(!poller.isRunning)
        poller.start()
        _ = waitForEvents(1)
        #expect(poller.stop())
        poller.setTargets([try target(servers[0].url), try target(servers[1].url)])
        #expect(!poller.isRunning)
        #expect(servers.map(\.requests.count) == [0, 1])
    }

    @Test("one whose token or interval changes is polled anew, without a gap")
    func changed() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let poller = poller([try target(server.url, token: "one")])
        poller.start()
        _ = waitForEvents(1)
        poller.setTargets([try target(server.url, token: "two")])
        let up = Event.reading(identity("vllm", server), isUp: true)
        #expect(waitForEvents(2) == [up, up], "nothing is withdrawn")
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer one", "Bearer two"])
        #expect(poller.stop())
    }

    #if os(Linux)
    @Test("one whose certificate file changes is polled anew, without a gap; with one that is missing, not at all")
    func changedCertificate() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pem").path
        try "-----BEGIN CERTIFICATE-----\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        var target = try target(server.url)
        let poller = poller([target])
        poller.start()
        _ = waitForEvents(1)
        target.certificateFile = file
        poller.setTargets([target])
        let identity = identity("vllm", server)
        let up = Event.reading(identity, isUp: true)
        #expect(waitForEvents(2) == [up, up], "nothing is withdrawn")
        target.certificateFile = file + ".missing"
        for _ in 0..<2 { poller.setTargets([target]) }
        // While the handler of the last reading has not returned, it is withdrawn twice.
        #expect(waitForEvents(3).prefix(3) == [up, up, .withdrawal(identity)])
        #expect(log.lines(.error).count == 1)
        #expect(server.requests.count == 2)
        #expect(poller.stop())
    }
    #endif

    @Test("one whose own attributes change is withdrawn under the old ones")
    func changedAttributes() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let poller = poller([try target(server.url, attributes: ["zone": "a"])])
        poller.start()
        let old = waitForEvents(1)[0].server
        #expect(old.attributes == ["zone": "a"])
        poller.setTargets([try target(server.url, attributes: ["zone": "b"])])
        #expect(readings.wait { $0.server.attributes == ["zone": "b"] } != nil)
        #expect(poller.stop())
        #expect(events.read { $0.last { $0.server == old } } == .withdrawal(old))
    }

    @Test("removed while its handler is busy: the last word is the withdrawal; stop and isRunning count it")
    func removedWhileBusy() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let isBusy = Monitor(false)
        let goOn = Monitor(false)
        let poller = poller([try target(server.url)]) { _ in
            isBusy.mutate { $0 = true }
            let _: Bool? = goOn.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        }
        poller.start()
        #expect(isBusy.wait(until: .now + .seconds(60)) { $0 ? true : nil } == true)
        poller.setTargets([])
        #expect(poller.isRunning)
        #expect(!poller.stop(timeout: .zero))
        poller.start()
        #expect(!poller.stop(timeout: .zero), "the removed one counts, and does not start again")
        goOn.mutate { $0 = true }
        #expect(poller.stop())
        #expect(!poller.isRunning)
        let vLLM = identity("vllm", server)
        #expect(events.read { $0 } == [.withdrawal(vLLM), .reading(vLLM, isUp: true), .withdrawal(vLLM)])
    }

    @Test("a stop that timed out, a new start: stop is false while the old run is still in its handler")
    func stopTellsTheTruth() {
        let isBusy = Monitor(0)
        let goOn = Monitor(false)
        let poller = poller([], sources: [Source()]) { _ in
            let number = isBusy.mutate { busy in
                busy += 1
                return busy
            }
            guard number == 1 else { return }
            let _: Bool? = goOn.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        }
        poller.start()
        #expect(isBusy.wait(until: .now + .seconds(60)) { $0 == 1 ? true : nil } == true)
        #expect(!poller.stop(timeout: .zero))
        poller.start()
        #expect(isBusy.wait(until: .now + .seconds(60)) { $0 == 2 ? true : nil } == true)
        #expect(!poller.stop(timeout: .milliseconds(20)))
        #expect(poller.isRunning)
        goOn.mutate { $0 = true }
        #expect(poller.stop())
        #expect(!poller.isRunning)
    }

    @Test("a start beside a stop that still waits is not undone by it")
    func startBesideStop() throws {
        let goOn = Monitor(false)
        let isBusy = Monitor(false)
        let (first, second) = (Source(), Source())
        second.name.withLock { $0 = "two" }
        let poller = poller([], sources: [first, second]) { reading in
            guard reading.server.engine == "one" else { return }
            let isFirst = isBusy.mutate { isBusy in
                defer { isBusy = true }
                return !isBusy
            }
            guard isFirst else { return }
            let _: Bool? = goOn.wait(until: .now + .seconds(60)) { $0 ? true : nil }
        }
        poller.start()
        #expect(isBusy.wait(until: .now + .seconds(60)) { $0 ? true : nil } == true)
        #expect(time.waitForSleepers())
        let result = Monitor<Bool?>(nil)
        let hasStarted = DetachedThread.start {
            let hasEnded = poller.stop(timeout: .seconds(10))
            result.mutate { $0 = hasEnded }
        }
        #expect(hasStarted)
        #expect(eventually { time.timeUntilNextDeadline == nil }, "both have been told")
        poller.start()
        #expect(time.waitForSleepers(2))
        goOn.mutate { $0 = true }
        #expect(result.wait(until: .now + .seconds(60)) { $0 } == true)
        let before = readings.readings.count
        nextPoll(2)
        #expect(readings.wait(for: before + 2) != nil)
        #expect(poller.stop())
    }

    @Test("handlers may call the poller, and a source's interval may, too")
    func reentrant() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let own = Monitor<EngineServerMetricsPoller?>(nil)
        let calls: @Sendable () -> Void = {
            guard let poller = own.wait(until: .now + .seconds(60), for: { $0 }) else { return }
            poller.start()
            poller.setTargets([])
            _ = poller.isRunning
        }
        let poller = poller([try target(server.url)], sources: [Source(onInterval: calls)]) { _ in calls() }
        poller.start()
        own.mutate { $0 = poller }
        defer { own.mutate { $0 = nil } }
        #expect(readings.wait { $0.server.engine == "one" } != nil)
        #expect(poller.stop())
    }

    @Test("closed: neither start nor new targets do anything")
    func closed() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let poller = poller([try target(server.url)], sources: [Source()])
        poller.start()
        _ = waitForEvents(2)
        poller.close()
        poller.start()
        poller.setTargets([try target(server.url + "/other")])
        #expect(poller.stop())
        poller.start()
        #expect(!poller.isRunning)
        #expect(events.read { $0.allSatisfy { if case .reading = $0 { true } else { false } } })
        #expect(log.lines(.error).isEmpty)
    }

    @Test("start, stop, new targets and close from everywhere at once leave nothing behind")
    func storm() throws {
        let server = try LoopbackServer(always: Self.vLLM)
        defer { server.stop() }
        let targets = try ["/a/metrics", "/b/metrics", "/c/metrics"].map { try target(server.url + $0) }
        let poller = poller([], sources: [Source()])
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            for turn in 0..<12 {
                switch (number + turn) % 4 {
                case 0: poller.start()
                case 1: poller.setTargets([targets[turn % 3], targets[(turn + 1) % 3]])
                case 2: poller.stop(timeout: .zero)
                default: poller.setTargets([])
                }
            }
        }
        poller.setTargets([])
        #expect(poller.stop(timeout: .seconds(10)))
        #expect(!poller.isRunning)
        let left = events.read { events in
            Dictionary(grouping: events.filter { $0.server.engine == "vllm" }, by: \.server).values.compactMap(\.last)
        }
        #expect(left.allSatisfy { if case .withdrawal = $0 { true } else { false } })
        poller.close()
        DispatchQueue.concurrentPerform(iterations: 4) { _ in poller.start() }
        #expect(!poller.isRunning)
    }

    @Test("the same warning is not repeated when targets are set again")
    func warnings() throws {
        let bad = try target("ftp://h")
        let poller = poller([bad])
        for _ in 0..<3 { poller.setTargets([bad]) }
        #expect(log.lines(.warning) == ["An engine's URL does not begin with http:// or https://; it is not polled"])
        #expect(log.lines.first?.metadata == ["component": "engines"])
        poller.setTargets([])
        poller.setTargets([bad])
        #expect(log.lines(.warning).count == 2)
    }

    @Test("two pages of one host and port keep their own figures")
    func twoPages() throws {
        let server = try LoopbackServer { request in
            switch request.target {
            case "/upstream/gemma/metrics": .text("llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n")
            case "/upstream/qwen/metrics": .text("llamacpp:requests_processing 5\nllamacpp:requests_deferred 0\n")
            default: .json(#"[{"id":0,"n_ctx":100,"is_processing":true,"n_prompt_tokens":10}]"#)
            }
        }
        defer { server.stop() }
        let names = ["/upstream/gemma/metrics", "/upstream/qwen/metrics"]
        let poller = poller(try names.map { try target(server.url + $0) })
        poller.start()
        for (path, running) in zip(names, [1, 5]) {
            let reading = readings.wait { $0.server == identity("llama.cpp", server, path: path) }
            #expect(reading?.models.first?.requestsRunning == running)
        }
        #expect(poller.stop())
        #expect(log.lines(.warning).isEmpty || log.lines(.warning).allSatisfy { $0.contains("/v1/models") })
        #expect(
            Set(log.lines.compactMap { $0.metadata["endpoint"] }) == Set(names.map { server.url + $0 })
        )
    }
}
