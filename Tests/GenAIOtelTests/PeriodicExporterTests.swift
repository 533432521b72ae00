import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

/// An exporter that does as it is told and keeps what it was given.
private final class RecordingExporter: SnapshotExporter {
    enum Behaviour: Equatable {
        case end(ExportOutcome)
        case hang(then: ExportOutcome)

        static let hangUntilCancelled = hang(then: .undelivered)
        static let deliver = end(.delivered(rejectedPoints: 0))
        static let fail = end(.undelivered)
    }

    struct State {
        var behaviour = Behaviour.deliver
        /// Where a snapshot's outcome is another one.
        var behaviours: [Int: Behaviour] = [:]
        var accepted = 0
        var deadlines: [ContinuousClock.Instant] = []
        var dropped: [Int] = []
        var isClosed = false
    }

    let state = Monitor(State())
    let limits: ExportQueue.Limits

    init(limit: Int = 64) {
        limits = ExportQueue.Limits(exports: limit, bytes: 1000)
    }

    var requestsSent: Int { deliveries }

    /// A snapshot without metrics is encoded all the same.
    func encode(_ snapshot: MetricSnapshot, number: Int) -> EncodedSnapshot {
        state.mutate { $0.accepted += 1 }
        let export = Export(number: number, time: snapshot.time, body: [], points: snapshot.pointCount)
        return EncodedSnapshot(exports: [export])
    }

    func send(_ export: Export, deadline: ContinuousClock.Instant, cancellation: Cancellation) -> ExportOutcome {
        let behaviour = state.mutate { state in
            state.deadlines.append(deadline)
            return state.behaviours[export.number] ?? state.behaviour
        }
        switch behaviour {
        case .end(let outcome):
            return outcome
        case .hang(let outcome):
            let isCancelled = Monitor(false)
            cancellation.withAction({ isCancelled.mutate { $0 = true } }) {
                let _: Bool? = isCancelled.wait(until: .now + .seconds(60)) { $0 ? true : nil }
            }
            return outcome
        }
    }

    func dropped(_ exports: [Export], because reason: String) {
        state.mutate { $0.dropped += exports.map(\.number) }
    }

    func close() { state.mutate { $0.isClosed = true } }

    var accepted: Int { state.read { $0.accepted } }
    var deliveries: Int { state.read { $0.deadlines.count } }

    func waitFor(accepted: Int, deliveries: Int) -> Bool {
        state.wait(until: .now + .seconds(60)) { state in
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
        recording.state.mutate { $0.behaviour = .fail }
        #expect(!exporter.flush(timeout: .seconds(5)))
        for count in 2...4 {
            #expect(time.waitForSleepers(2))
            time.advance(by: .seconds(15))
            #expect(recording.waitFor(accepted: 1, deliveries: count))
        }
        #expect(recording.accepted == 1)
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
        #expect(outcome.wait(until: .now + .seconds(60)) { $0 } == true)
        #expect(recording.waitFor(accepted: 2, deliveries: 2))
        #expect(exporter.shutdown(timeout: .seconds(5)))
    }

    @Test("a flush ends at its timeout, whatever that is, also beside a delivery too young to be broken off")
    func shortFlushAgainstHang() {
        let exporter = periodic()
        recording.state.mutate { $0.behaviour = .hangUntilCancelled }
        time.advance(by: .seconds(60))
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        let outcomes = Monitor<[Bool]>([])
        for timeout in [Duration.zero, .seconds(-1), .milliseconds(100)] {
            Thread.detachNewThread {
                let result = exporter.flush(timeout: timeout)
                outcomes.mutate { $0.append(result) }
            }
        }
        #expect(outcomes.wait(until: .now + .seconds(60)) { $0.count == 2 ? $0 : nil } == [false, false])
        #expect(eventually { time.timesUntilDeadlines.contains(.milliseconds(50)) })
        time.advance(by: .milliseconds(50))
        #expect(eventually { time.timesUntilDeadlines.contains(.milliseconds(50)) })
        time.advance(by: .milliseconds(50))
        #expect(outcomes.wait(until: .now + .seconds(60)) { $0.count == 3 ? $0 : nil } == [false, false, false])
        #expect(recording.deliveries == 1, "it goes on")
        #expect(!exporter.shutdown(timeout: .zero))
        time.advance(by: .seconds(60))
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
        #expect(outcomes.wait(until: .now + .seconds(60)) { $0["hasty"] } == false)
        #expect(outcomes.read { $0["patient"] } == nil, "it goes on")
        #expect(recording.deliveries == 1)
        #expect(!exporter.shutdown(timeout: .zero))
        time.advance(by: .seconds(60))
    }

    @Test("who asks for an export when all has ended, or as it ends, is told so at once", arguments: [true, false])
    func flushTooLate(isWaiting: Bool) {
        let delivery = Delivery(recording, timeout: .seconds(30), timeSource: time)
        let deadline = time.now + .seconds(60)
        if !isWaiting { delivery.close() }
        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread { [time] in
            let number = delivery.expectNext(by: deadline)
            delivery.makeWay(for: number, at: time.now + .seconds(30), until: deadline)
            let result = delivery.outcome(of: number, until: deadline)
            outcome.mutate { $0 = result }
        }
        if isWaiting {
            #expect(time.waitForSleepers())
            delivery.close()
        }
        #expect(outcome.wait(until: .now + .seconds(60)) { $0 } == false)
    }

    @Test(
        "two flushes whose snapshots fare differently are each told about their own",
        arguments: [[true, false], [false, true]]
    )
    func ownOutcome(isDelivered: [Bool]) {
        let exporter = periodic()
        recording.state.mutate { state in
            state.behaviour = .hangUntilCancelled
            for (index, isDelivered) in isDelivered.enumerated() {
                state.behaviours[index + 2] = isDelivered ? .deliver : .end(.refused)
            }
        }
        // Both wait behind a delivery that hangs, and are then served by one round.
        time.advance(by: .seconds(60))
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        let outcomes = Monitor<[Int: Bool]>([:])
        for index in 0...1 {
            Thread.detachNewThread {
                let result = exporter.flush(timeout: .seconds(4))
                outcomes.mutate { $0[index] = result }
            }
            #expect(recording.waitFor(accepted: index + 2, deliveries: 1))
        }
        recording.state.mutate { $0.behaviours[1] = .end(.refused) }
        time.advance(by: .seconds(2))
        let results = outcomes.wait(until: .now + .seconds(60)) { $0.count == 2 ? $0 : nil }
        #expect(results == [0: isDelivered[0], 1: isDelivered[1]])
        #expect(exporter.statistics.exportsDelivered == 1)
        #expect(exporter.statistics.exportsFailed == 2)
        recording.state.mutate { $0.behaviour = .deliver }
        #expect(exporter.shutdown(timeout: .seconds(5)))
    }

    @Test("a flush whose snapshot is dropped from the full queue is told so at once")
    func droppedOutcome() {
        let small = RecordingExporter(limit: 1)
        let delivery = Delivery(small, timeout: .seconds(30), timeSource: time)
        let deadline = time.now + .seconds(60)
        let snapshot = MetricSnapshot(time: 1, metrics: [])
        let first = delivery.expectNext(by: deadline)
        delivery.accept(snapshot)
        let second = delivery.expectNext(by: deadline)
        delivery.accept(snapshot)
        #expect(!delivery.outcome(of: first, until: deadline))
        #expect(small.state.read { $0.dropped } == [1])
        delivery.deliver(Cancellation())
        #expect(delivery.outcome(of: second, until: deadline))
    }

    @Test(
        "a delivery that ends after the end is counted once, and leaves nothing behind",
        arguments: [(.delivered(rejectedPoints: 0), [2]), (.refused, [2]), (.undelivered, [2, 1])]
            as [(ExportOutcome, [Int])]
    )
    func closedInFlight(outcome: ExportOutcome, dropped: [Int]) {
        let delivery = Delivery(recording, timeout: .seconds(30), timeSource: time)
        let snapshot = MetricSnapshot(time: 1, metrics: [])
        recording.state.mutate { $0.behaviour = .hang(then: outcome) }
        let stop = Cancellation()
        let hasEnded = Monitor(false)
        delivery.accept(snapshot)
        Thread.detachNewThread {
            delivery.deliver(stop)
            hasEnded.mutate { $0 = true }
        }
        #expect(recording.waitFor(accepted: 1, deliveries: 1))
        delivery.accept(snapshot)
        delivery.close()
        #expect(delivery.statistics.exportsBuffered == 0)
        stop.cancel()
        #expect(hasEnded.wait(until: .now + .seconds(60)) { $0 ? true : nil } == true)
        let isDelivered = outcome == .delivered(rejectedPoints: 0)
        #expect(delivery.statistics.exportsDelivered == (isDelivered ? 1 : 0))
        #expect(delivery.statistics.exportsFailed == (isDelivered ? 1 : 2))
        #expect(delivery.statistics.exportsBuffered == 0)
        #expect(recording.state.read { $0.dropped } == dropped)
    }

    @Test("start, flush and shutdown at any moment, from any thread, with any timeout: each export is counted once")
    func anyMoment() {
        let timeouts: [Duration] = [.zero, .seconds(-5), .milliseconds(5), .seconds(5), .seconds(Int64.max)]
        for round in 0..<10 {
            let recording = RecordingExporter(limit: 2)
            recording.state.mutate { state in
                for number in 1...60 {
                    state.behaviours[number] = [.deliver, .fail, .end(.refused)][(number + round) % 3]
                }
            }
            let exporter = PeriodicExporter(
                exporters: [recording],
                interval: .milliseconds(10),
                timeout: .seconds(30),
                collect: { MetricSnapshot(time: 1, metrics: []) }
            )
            DispatchQueue.concurrentPerform(iterations: 8) { index in
                switch index {
                case 0: exporter.start()
                case 7: _ = exporter.shutdown(timeout: timeouts[round % timeouts.count])
                default: _ = exporter.flush(timeout: timeouts[index % timeouts.count])
                }
                let counts = exporter.statistics
                let counted = counts.exportsDelivered + counts.exportsFailed + counts.exportsBuffered
                #expect(counted <= recording.accepted)
            }
            _ = exporter.shutdown(timeout: .seconds(5))
            #expect(!exporter.flush(timeout: .seconds(Int64.max)), "it has ended")
            let counts = exporter.statistics
            #expect(counts.exportsBuffered == 0)
            #expect(counts.exportsDelivered + counts.exportsFailed == recording.accepted)
        }
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
        #expect(outcome.wait(until: .now + .seconds(60)) { $0 } == false)
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
        #expect(!exporter.shutdown(timeout: .seconds(5)))
        #expect(recording.accepted == 1)
        #expect(exporter.statistics.exportsFailed == 0)
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
        #expect(exporter.statistics.exportsDelivered == 2)
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
