import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

/// An exporter that does as it is told and keeps what it was given.
private final class RecordingExporter: SnapshotExporter {
    enum Behaviour { case deliver, fail, hangUntilCancelled }

    struct State {
        var behaviour = Behaviour.deliver
        var accepted = 0
        var deadlines: [ContinuousClock.Instant] = []
        var isClosed = false
    }

    let state = Monitor(State())

    func accept(_ snapshot: MetricSnapshot) { state.mutate { $0.accepted += 1 } }

    func deliver(deadline: ContinuousClock.Instant, cancellation: Cancellation) -> Bool {
        let behaviour = state.mutate { state in
            state.deadlines.append(deadline)
            return state.behaviour
        }
        if behaviour == .hangUntilCancelled {
            let isCancelled = Monitor(false)
            cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
                let _: Bool? = isCancelled.wait(until: .now + .seconds(10)) { $0 ? true : nil }
            }
        }
        return behaviour == .deliver
    }

    var statistics: ExportStatistics {
        var result = ExportStatistics()
        result.exportsDelivered = state.read { $0.accepted }
        return result
    }

    func close() { state.mutate { $0.isClosed = true } }

    var accepted: Int { state.read { $0.accepted } }
    var deliveries: Int { state.read { $0.deadlines.count } }

    func waitFor(accepted: Int, deliveries: Int) -> Bool {
        state.wait(until: .now + .seconds(10)) { state in
            state.accepted >= accepted && state.deadlines.count >= deliveries ? true : nil
        } ?? false
    }
}

@Suite("PeriodicExporter", .blocking)
struct PeriodicExporterTests {
    private let time = ManualTimeSource()
    private let recording = RecordingExporter()

    /// Both threads wait for their next turn.
    private func periodic(interval: Duration = .seconds(60), timeout: Duration = .seconds(30)) -> PeriodicExporter {
        let exporter = PeriodicExporter(
            exporters: [recording],
            interval: interval,
            timeout: timeout,
            timeSource: time,
            collect: { MetricSnapshot(time: 1, metrics: [Metric(.up, [NumberPoint([], .int(1))])]) }
        )
        exporter.start()
        #expect(time.waitForSleepers(2))
        return exporter
    }

    @Test("snapshots are taken at each interval, the first one after one interval, and delivered at once")
    func interval() {
        let exporter = periodic(interval: .seconds(10))
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        #expect(recording.accepted == 0)
        for count in 1...3 {
            #expect(time.waitForSleepers(2))
            #expect(time.timesUntilDeadlines.contains(.seconds(10)))
            time.advance(by: .seconds(10))
            #expect(recording.waitFor(accepted: count, deliveries: count))
        }
        #expect(recording.accepted == 3)
    }

    @Test("intervals that were missed are skipped, and the rate does not drift")
    func missed() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        time.advance(by: .seconds(200))
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        #expect(time.waitForSleepers(2))
        #expect(time.timesUntilDeadlines.contains(.seconds(40)))
        #expect(recording.accepted == 1)
    }

    @Test("snapshots are taken at their interval also while a delivery hangs")
    func collectsDuringHang() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        for count in 1...5 {
            #expect(time.waitForSleepers())
            time.advance(by: .seconds(60))
            #expect(recording.waitFor(accepted: count, deliveries: 1))
            #expect(eventually { time.timesUntilDeadlines.contains(.seconds(60)) })
        }
        #expect(recording.deliveries == 1)
        #expect(!exporter.shutdown(timeout: .zero))
    }

    @Test("what waits is delivered again every fifteen seconds, without a new snapshot")
    func outageRetry() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        for count in 1...3 {
            #expect(time.waitForSleepers(2))
            time.advance(by: .seconds(15))
            #expect(recording.waitFor(accepted: 0, deliveries: count))
        }
        #expect(recording.accepted == 0)
    }

    @Test("a flush exports at once, keeps the schedule and tells the outcome")
    func flush() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        time.advance(by: .seconds(10))
        #expect(exporter.flush(timeout: .seconds(5)))
        recording.state.mutate { $0.behaviour = .fail }
        #expect(!exporter.flush(timeout: .seconds(5)))
        #expect(recording.accepted == 2)
        #expect(recording.state.read { $0.deadlines.first } == time.now + .seconds(5), "a flush's export ends in time")
        #expect(time.waitForSleepers(2))
        #expect(time.timesUntilDeadlines.contains(.seconds(50)))
    }

    @Test("an export may take as long as the export timeout")
    func timeout() {
        let exporter = periodic(timeout: .seconds(3))
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        _ = exporter.flush(timeout: .seconds(50))
        #expect(recording.state.read { $0.deadlines.first } == time.now + .seconds(3))
    }

    @Test("a flush gives up a delivery that hangs after half its time, and then delivers itself")
    func flushAgainstHang() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        time.advance(by: .seconds(60))
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        recording.state.mutate { $0.behaviour = .deliver }

        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = exporter.flush(timeout: .seconds(4))
            outcome.mutate { $0 = result }
        }
        #expect(recording.waitFor(accepted: 2, deliveries: 1))
        #expect(
            eventually { time.timesUntilDeadlines.contains(.seconds(2)) },
            "the flush waits for the hanging delivery"
        )
        time.advance(by: .seconds(2))
        #expect(outcome.wait(until: .now + .seconds(10)) { $0 } == true)
        #expect(recording.waitFor(accepted: 2, deliveries: 2))
        #expect(exporter.shutdown(timeout: .seconds(5)))
    }

    @Test("a flush does not break off a delivery that somebody else waits for")
    func flushBesideFlush() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        let outcomes = Monitor<[String: Bool]>([:])
        func flush(_ name: String, _ timeout: Duration) {
            Thread.detachNewThread {
                let result = exporter.flush(timeout: timeout)
                outcomes.mutate { $0[name] = result }
            }
        }
        flush("patient", .seconds(20))
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        flush("hasty", .seconds(4))
        #expect(recording.waitFor(accepted: 2, deliveries: 1))
        #expect(eventually { time.timesUntilDeadlines.isSuperset(of: [.seconds(2), .seconds(20)]) })
        time.advance(by: .seconds(2))
        #expect(eventually { time.timesUntilDeadlines.isSuperset(of: [.seconds(2), .seconds(18)]) })
        time.advance(by: .seconds(2))
        #expect(outcomes.wait(until: .now + .seconds(10)) { $0["hasty"] } == false)
        #expect(outcomes.read { $0["patient"] } == nil, "it goes on")
        #expect(recording.deliveries == 1)
        #expect(!exporter.shutdown(timeout: .zero))
        time.advance(by: .seconds(60))
    }

    @Test("who asks for an export when all has ended, or as it ends, is told so at once", arguments: [true, false])
    func flushTooLate(isWaiting: Bool) {
        let worker = ExportWorker(recording, timeout: .seconds(30), timeSource: time)
        let deadline = time.now + .seconds(60)
        if !isWaiting { worker.close() }
        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread { [time] in
            let request = worker.request(deadline: deadline)
            worker.makeWay(for: request, until: time.now + .seconds(30))
            let result = worker.outcome(of: request, until: deadline)
            outcome.mutate { $0 = result }
        }
        if isWaiting {
            #expect(time.waitForSleepers())
            worker.close()
        }
        #expect(outcome.wait(until: .now + .seconds(10)) { $0 } == false)
    }

    @Test("an exporter that hangs does not hold up another one")
    func besideHang() {
        let hanging = RecordingExporter()
        hanging.state.mutate { $0.behaviour = .hangUntilCancelled }
        let exporter = PeriodicExporter(
            exporters: [hanging, recording],
            interval: .seconds(10),
            timeout: .seconds(30),
            timeSource: time,
            collect: { MetricSnapshot(time: 1, metrics: []) }
        )
        exporter.start()
        for count in 1...3 {
            #expect(time.waitForSleepers(2))
            #expect(eventually { time.timesUntilDeadlines.contains(.seconds(10)) })
            time.advance(by: .seconds(10))
            #expect(recording.waitFor(accepted: count, deliveries: count))
        }
        #expect(hanging.waitFor(accepted: 3, deliveries: 1))
        #expect(hanging.deliveries == 1)
        #expect(!exporter.shutdown(timeout: .zero))
    }

    @Test("a flush ends at its timeout when nothing works")
    func flushTimesOut() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = exporter.flush(timeout: .seconds(4))
            outcome.mutate { $0 = result }
        }
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        #expect(eventually { time.timesUntilDeadlines.contains(.seconds(4)) })
        time.advance(by: .seconds(4))
        #expect(outcome.wait(until: .now + .seconds(10)) { $0 } == false)
        recording.state.mutate { $0.behaviour = .fail }
        #expect(!exporter.shutdown(timeout: .zero))
        #expect(eventually { recording.state.read { $0.isClosed } })
    }

    @Test("many flushes at once share exports, and each is told the truth")
    func manyFlushes() {
        let exporter = periodic()
        let results = Monitor<[Bool]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let result = exporter.flush(timeout: .seconds(30))
            results.mutate { $0.append(result) }
        }
        #expect(results.read { $0 } == Array(repeating: true, count: 8))
        #expect(exporter.shutdown(timeout: .seconds(5)))
    }

    @Test("shutdown exports a last time, closes the exporters and ends the threads")
    func shutdown() {
        let exporter = periodic()
        #expect(exporter.shutdown(timeout: .seconds(5)))
        #expect(recording.accepted == 1)
        #expect(recording.state.read { $0.isClosed })
        #expect(!exporter.flush(timeout: .seconds(5)), "nothing is exported after it")
    }

    @Test("statistics are the sum over the exporters")
    func statistics() {
        let exporter = PeriodicExporter(
            exporters: [recording, recording],
            interval: .seconds(60),
            timeout: .seconds(30),
            timeSource: time,
            collect: { MetricSnapshot(time: 1, metrics: []) }
        )
        exporter.start()
        #expect(exporter.shutdown(timeout: .seconds(5)))
        #expect(exporter.statistics.exportsDelivered == 4)
    }
}

@Suite("SnapshotClock")
struct SnapshotClockTests {
    @Test("times rise by a millisecond at least, also when the date is set back")
    func rises() {
        let time = ManualTimeSource()
        let clock = SnapshotClock(time)
        let first = clock.next()
        #expect(first == time.unixNanoseconds)
        #expect(clock.next() == first + 1_000_000)
        time.setUnixNanoseconds(first - 3_600_000_000_000)
        #expect(clock.next() == first + 2_000_000)
        time.setUnixNanoseconds(first + 60_000_000_000)
        #expect(clock.next() == first + 60_000_000_000)
    }
}
