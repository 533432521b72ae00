import TestSupport
import Testing

@testable import GenAISupport

@Suite("PolledServer: one thread, one identity", .blocking)
struct PolledServerTests {
    private enum Event: Equatable, Sendable { case reading(String), withdrawal(String) }

    /// What polls do, when, and under which name; shared by every run.
    private struct Script: Sendable {
        var engine: String? = "a"
        var interval: Duration = .seconds(5)
        var closed = 0
    }

    private struct Poll: ServerPoll {
        let name = "The server"
        private let script: Monitor<Script>
        private let thread = DetachedThread.idOfCurrent

        init(_ script: Monitor<Script>) { self.script = script }

        var interval: Duration { script.read { $0.interval } }

        func read(_ cancellation: Cancellation) -> ServerReading? {
            #expect(DetachedThread.idOfCurrent == thread, "a run's own state stays on its thread")
            return ServerReading(server: PolledServerTests.server(script.read { $0.engine }))
        }

        func close() {
            #expect(DetachedThread.idOfCurrent == thread)
            script.mutate { $0.closed += 1 }
        }
    }

    private static func server(_ engine: String?) -> ServerIdentity {
        ServerIdentity(engine: engine, address: "h", port: 1)
    }

    private let time = ManualTimeSource()
    private let log = LogRecorder()
    private let script = Monitor(Script())
    private let events = Monitor<[Event]>([])
    /// Whose readings the handler holds back, and whose have come to it.
    private let held = Monitor<Set<String>>([])
    private let entered = Monitor<[String]>([])

    private func polledServer() -> PolledServer {
        PolledServer(
            threadName: "polled-test",
            log: log.log(),
            timeSource: time,
            onReading: { [events, held, entered] reading in
                let name = reading.server.engine ?? "-"
                entered.mutate { $0.append(name) }
                let _: Bool? = held.wait(until: .now + .seconds(60)) { $0.contains(name) ? nil : true }
                events.mutate { $0.append(.reading(name)) }
            },
            onWithdrawal: { [events] server in events.mutate { $0.append(.withdrawal(server.engine ?? "-")) } },
            makePoll: { [script] _ in Poll(script) }
        )
    }

    private func waitForEvents(_ count: Int) -> [Event] {
        events.wait(until: .now + .seconds(60)) { $0.count >= count ? $0 : nil } ?? events.read { $0 }
    }

    /// Waits until the handler has been called for a reading of that name.
    private func waitForHandler(_ name: String) -> Bool {
        entered.wait(until: .now + .seconds(60)) { $0.contains(name) ? true : nil } ?? false
    }

    private func nextPoll() {
        #expect(time.waitForSleepers())
        time.advance(by: .seconds(5))
    }

    @Test("every poll is handed over; a stop withdraws nothing and closes what the run held, on its thread")
    func readings() {
        let server = polledServer()
        server.start()
        #expect(waitForEvents(1) == [.reading("a")])
        nextPoll()
        #expect(waitForEvents(2) == [.reading("a"), .reading("a")])
        #expect(server.stop(timeout: .seconds(10)))
        #expect(events.read { $0.count } == 2)
        #expect(script.read { $0.closed } == 1)
    }

    @Test("another identity: the former one is withdrawn first; also one whose engine was unknown")
    func anotherIdentity() {
        script.mutate { $0.engine = nil }
        let server = polledServer()
        server.start()
        _ = waitForEvents(1)
        for (engine, count) in [("a", 3), ("b", 5)] {
            script.mutate { $0.engine = engine }
            nextPoll()
            _ = waitForEvents(count)
        }
        #expect(
            events.read { $0 } == [
                .reading("-"), .withdrawal("-"), .reading("a"), .withdrawal("a"), .reading("b"),
            ]
        )
        #expect(server.stop(timeout: .seconds(10)))
    }

    @Test("a restart remembers what was reported")
    func restart() {
        let server = polledServer()
        server.start()
        _ = waitForEvents(1)
        #expect(server.stop(timeout: .seconds(10)))
        script.mutate { $0.engine = "b" }
        server.start()
        #expect(waitForEvents(3) == [.reading("a"), .withdrawal("a"), .reading("b")])
        #expect(server.stop(timeout: .seconds(10)))
    }

    @Test("retire withdraws once, ends the thread, and no start does anything after it")
    func retire() {
        let server = polledServer()
        server.retire()
        #expect(events.read { $0.isEmpty }, "nothing was reported")
        let other = polledServer()
        other.start()
        _ = waitForEvents(1)
        other.retire()
        other.retire()
        #expect(events.read { $0 } == [.reading("a"), .withdrawal("a")])
        #expect(other.stop(timeout: .seconds(10)))
        #expect(other.start())
        #expect(!other.isRunning)
    }

    @Test("retired while a handler is busy: the last that is heard is the withdrawal")
    func retireWhileBusy() {
        held.mutate { $0 = ["a"] }
        let server = polledServer()
        server.start()
        #expect(waitForHandler("a"))
        server.retire()
        #expect(!server.stop(timeout: .zero))
        #expect(server.isRunning)
        held.mutate { $0 = [] }
        #expect(server.stop(timeout: .seconds(10)))
        #expect(events.read { $0 } == [.withdrawal("a"), .reading("a"), .withdrawal("a")])
    }

    @Test("two runs at a time: what the first hands over late is withdrawn, for the second reports another identity")
    func overlappingRuns() {
        held.mutate { $0 = ["a"] }
        let server = polledServer()
        server.start()
        #expect(waitForHandler("a"))
        #expect(!server.stop(timeout: .zero))
        script.mutate { $0.engine = "b" }
        server.start()
        #expect(waitForEvents(2) == [.withdrawal("a"), .reading("b")])
        #expect(!server.stop(timeout: .zero), "the first run is still in its handler")
        held.mutate { $0 = [] }
        #expect(server.stop(timeout: .seconds(10)))
        #expect(events.read { $0 } == [.withdrawal("a"), .reading("b"), .reading("a"), .withdrawal("a")])
        #expect(script.read { $0.closed } == 2)
    }

    @Test("retired with two runs in their handlers: both identities are withdrawn at the end")
    func retireOverlappingRuns() {
        held.mutate { $0 = ["a", "b"] }
        let server = polledServer()
        server.start()
        #expect(waitForHandler("a"))
        server.requestStop()
        script.mutate { $0.engine = "b" }
        server.start()
        #expect(waitForHandler("b"))
        server.retire()
        held.mutate { $0 = [] }
        #expect(server.stop(timeout: .seconds(10)))
        let all = events.read { $0 }
        for engine in ["a", "b"] {
            #expect(all.last { $0 == .reading(engine) || $0 == .withdrawal(engine) } == .withdrawal(engine), "\(all)")
        }
    }

    @Test("two runs with the same identity: the late reading of the first is not withdrawn")
    func overlappingRunsOfOneIdentity() {
        held.mutate { $0 = ["a"] }
        let server = polledServer()
        server.start()
        #expect(waitForHandler("a"))
        server.requestStop()
        server.start()
        #expect(eventually { entered.read { $0.count } == 2 })
        held.mutate { $0 = [] }
        #expect(waitForEvents(2) == [.reading("a"), .reading("a")])
        #expect(server.stop(timeout: .seconds(10)))
        #expect(events.read { $0.count } == 2)
    }

    @Test("polled otherwise: a new run takes over at once, and nothing is withdrawn if the identity is the same")
    func replaced() {
        let server = polledServer()
        server.start()
        _ = waitForEvents(1)
        let last = Monitor<[ServerIdentity?]>([])
        server.replacePoll { [script] identity in
            last.mutate { $0.append(identity) }
            return Poll(script)
        }
        server.start()
        #expect(waitForEvents(2) == [.reading("a"), .reading("a")])
        #expect(last.read { $0 } == [Self.server("a")])
        #expect(server.stop(timeout: .seconds(10)))
    }

    @Test("closed: no start does anything, and nothing is withdrawn")
    func close() {
        let server = polledServer()
        server.start()
        _ = waitForEvents(1)
        server.close()
        #expect(server.start())
        #expect(server.stop(timeout: .seconds(10)))
        #expect(!server.isRunning)
        #expect(events.read { $0 } == [.reading("a")])
    }

    @Test(
        "one rule for a bad interval",
        arguments: [
            (.zero, .seconds(5)), (.seconds(-1), .seconds(5)), (.nanoseconds(1), .milliseconds(10)),
            (.seconds(Int64.max), .seconds(365 * 86_400)), (.milliseconds(10), .milliseconds(10)),
        ] as [(Duration, Duration)]
    )
    func interval(given: Duration, used: Duration) {
        script.mutate { $0.interval = given }
        let server = polledServer()
        server.start()
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == used)
        #expect(log.lines(.warning).count == (given > .zero ? 0 : 1))
        #expect(server.stop(timeout: .seconds(10)))
    }
}
