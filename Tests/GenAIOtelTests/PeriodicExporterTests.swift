import Foundation
import RuntimeSupport
import TestSupport
import Testing

@testable import GenAIOtel

/// An exporter that does as it is told and keeps what it was given.
private final class RecordingExporter: SnapshotExporter {
    enum Behaviour { case deliver, fail, hangUntilCancelled }

    struct State {
        var behaviour = Behaviour.deliver
        var snapshots: [MetricSnapshot] = []
        var deadlines: [ContinuousClock.Instant] = []
        var isClosed = false
    }

    let state = Monitor(State())

    func export(_ snapshot: MetricSnapshot, deadline: ContinuousClock.Instant, cancellation: Cancellation)
        -> ExportResult
    {
        let behaviour = state.mutate { state in
            state.snapshots.append(snapshot)
            state.deadlines.append(deadline)
            return state.behaviour
        }
        if behaviour == .hangUntilCancelled {
            let isCancelled = Monitor(false)
            cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
                let _: Bool? = isCancelled.wait(until: .now + .seconds(10)) { $0 ? true : nil }
            }
        }
        return ExportResult(isDelivered: behaviour == .deliver, rejectedPoints: 1, requests: 1)
    }

    func close() { state.mutate { $0.isClosed = true } }

    func waitForExports(_ count: Int) -> Bool {
        state.wait(until: .now + .seconds(10)) { $0.snapshots.count >= count ? true : nil } ?? false
    }
}

@Suite("PeriodicExporter", .blocking)
struct PeriodicExporterTests {
    private let time = ManualTimeSource()
    private let recording = RecordingExporter()

    private func periodic(interval: Duration = .seconds(60), timeout: Duration = .seconds(30)) -> PeriodicExporter {
        let points = [NumberPoint([], .int(1)), NumberPoint([], .int(2))]
        let exporter = PeriodicExporter(
            exporters: [recording],
            interval: interval,
            timeout: timeout,
            timeSource: time,
            collect: { MetricSnapshot(time: 1, metrics: [Metric(.up, points)]) }
        )
        exporter.start()
        return exporter
    }

    @Test("exports come at each interval, the first one after one interval")
    func interval() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        #expect(time.waitForSleepers())
        #expect(recording.state.read { $0.snapshots.isEmpty })
        for count in 1...3 {
            #expect(time.waitForSleepers())
            #expect(time.timeUntilNextDeadline == .seconds(60))
            time.advance(by: .seconds(60))
            #expect(recording.waitForExports(count))
        }
        #expect(recording.state.read { $0.snapshots.count } == 3)
    }

    @Test("intervals that were missed are skipped, and the rate does not drift")
    func missed() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        #expect(time.waitForSleepers())
        time.advance(by: .seconds(200))
        #expect(recording.waitForExports(1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(40))
        #expect(recording.state.read { $0.snapshots.count } == 1)
    }

    @Test("a flush exports at once, keeps the schedule and tells the outcome")
    func flush() {
        let exporter = periodic()
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        #expect(time.waitForSleepers())
        time.advance(by: .seconds(10))
        #expect(exporter.flush(timeout: .seconds(5)))
        recording.state.mutate { $0.behaviour = .fail }
        #expect(!exporter.flush(timeout: .seconds(5)))
        #expect(recording.state.read { $0.snapshots.count } == 2)
        #expect(recording.state.read { $0.deadlines.first } == time.now + .seconds(5), "a flush's export ends in time")
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(50))
    }

    @Test("an export may take as long as the export timeout")
    func timeout() {
        let exporter = periodic(timeout: .seconds(3))
        defer { _ = exporter.shutdown(timeout: .seconds(5)) }
        _ = exporter.flush(timeout: .seconds(50))
        #expect(recording.state.read { $0.deadlines.first } == time.now + .seconds(3))
    }

    @Test("a flush gives up an export that hangs after half its time, and then exports itself")
    func flushAgainstHang() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        #expect(time.waitForSleepers())
        time.advance(by: .seconds(60))
        #expect(recording.waitForExports(1))
        recording.state.mutate { $0.behaviour = .deliver }

        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = exporter.flush(timeout: .seconds(4))
            outcome.mutate { $0 = result }
        }
        #expect(time.waitForSleepers(), "the flush waits for the hanging export")
        time.advance(by: .seconds(2))
        #expect(outcome.wait(until: .now + .seconds(10)) { $0 } == true)
        #expect(recording.state.read { $0.snapshots.count } == 2)
        #expect(exporter.shutdown(timeout: .seconds(5)))
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
        #expect(recording.waitForExports(1))
        #expect(time.waitForSleepers())
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

    @Test("shutdown exports a last time, closes the exporters and ends the thread")
    func shutdown() {
        let exporter = periodic()
        #expect(exporter.shutdown(timeout: .seconds(5)))
        #expect(recording.state.read { $0.snapshots.count } == 1)
        #expect(recording.state.read { $0.isClosed })
        #expect(!exporter.flush(timeout: .seconds(5)), "nothing is exported after it")
    }

    @Test("statistics count exports and points by what became of them")
    func statistics() {
        let exporter = periodic()
        _ = exporter.flush(timeout: .seconds(5))
        recording.state.mutate { $0.behaviour = .fail }
        _ = exporter.shutdown(timeout: .seconds(5))
        var expected = ExportStatistics()
        expected.requestsSent = 2
        expected.exportsDelivered = 1
        expected.exportsFailed = 1
        expected.pointsDelivered = 1
        expected.pointsRejected = 1
        expected.pointsDropped = 2
        #expect(exporter.statistics == expected)
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
