import GenAIOtel
import GenAISupport
import TestSupport
import Testing

@Suite("The collector's lock is free while anything that grows is made")
struct LockScopeTests {
    /// A time source that is read where the collector does its work, and looks then whether others may go on.
    private final class Probe: TimeSource {
        private let system = SystemTimeSource()
        let whenRead = Locked<(@Sendable () -> Void)?>(nil)

        var now: ContinuousClock.Instant {
            whenRead.withLock { $0 }?()
            return system.now
        }

        var monotonicClock: @Sendable () -> UInt64 { system.monotonicClock }
        var unixNanoseconds: UInt64 { system.unixNanoseconds }

        func wait<State, Result>(
            on monitor: Monitor<State>,
            until deadline: ContinuousClock.Instant?,
            for condition: (inout State) -> Result?
        ) -> Result? {
            system.wait(on: monitor, until: deadline, for: condition)
        }
    }

    /// Runs `work`, and counts how often another thread could set a value while it was under way.
    private func calls(during work: (ServerMetricsCollector) -> Void) -> (free: Int, all: Int) {
        let probe = Probe()
        let metrics = ServerMetricsCollector(cardinalityLimit: 100, log: Log(level: nil), timeSource: probe)
        metrics.record(ServerReading(server: ServerIdentity(engine: "vllm", address: "a", port: 1)))
        let count = Locked((free: 0, all: 0))
        probe.whenRead.withLock { whenRead in
            whenRead = {
                let isDone = Monitor(false)
                _ = DetachedThread.start {
                    metrics.incrementRequestsRunning()
                    isDone.mutate { $0 = true }
                }
                let wasFree = isDone.wait(until: .now + .seconds(60)) { $0 ? true : nil } ?? false
                count.withLock { count in
                    count.all += 1
                    if wasFree { count.free += 1 }
                }
            }
        }
        work(metrics)
        probe.whenRead.withLock { $0 = nil }
        return count.withLock { $0 }
    }

    @Test("a reading is taken over")
    func record() {
        let calls = calls { metrics in
            metrics.record(ServerReading(server: ServerIdentity(engine: "vllm", address: "a", port: 1)))
        }
        #expect(calls.all == 1)
        #expect(calls.free == 1)
    }

    @Test("a snapshot is built, and departed models are forgotten")
    func snapshot() {
        let calls = calls { _ = $0.snapshot(time: 1) }
        #expect(calls.all == 1)
        #expect(calls.free == 1)
    }

    @Test("readings of the same server from many threads: none is lost, the last one stands")
    func concurrentReadings() async {
        let metrics = ServerMetricsCollector(cardinalityLimit: 100, log: Log(level: nil))
        await withTaskGroup(of: Void.self) { group in
            for port in 1...8 {
                group.addTask {
                    let server = ServerIdentity(engine: "vllm", address: "a", port: port)
                    for number in 1...200 {
                        let model = ModelReading(model: "m", requestsRunning: number)
                        metrics.record(ServerReading(server: server, models: [model]))
                        if number.isMultiple(of: 50), port == 8 { metrics.withdraw(server) }
                    }
                }
            }
        }
        let readings = metrics.readings.filter { $0.server.port != 8 }
        #expect(readings.count == 7)
        #expect(readings.allSatisfy { $0.models.first?.requestsRunning == 200 })
        #expect(metrics.readings.count == 7, "the last one was withdrawn")
    }
}
