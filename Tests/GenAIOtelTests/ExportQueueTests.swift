import TestSupport
import Testing

@testable import GenAIOtel

@Suite("ExportQueue")
struct ExportQueueTests {
    private let soon = ContinuousClock.now + .seconds(5)

    private func export(_ number: Int, bytes: Int = 10) -> Export {
        Export(number: number, time: UInt64(number), body: [UInt8](repeating: 1, count: bytes), points: 1)
    }

    /// A queue in which exports 1, 2, ... of ten bytes wait.
    private func queue(exports: Int = 3, bytes: Int = 1000, holding count: Int = 0) -> ExportQueue {
        var queue = ExportQueue(ExportQueue.Limits(exports: exports, bytes: bytes))
        for _ in 0..<count { _ = queue.add([export(queue.nextNumber())]) }
        return queue
    }

    private func numbers(_ queue: ExportQueue) -> [Int] { queue.waiting.map(\.number) }

    // MARK: Order and limits

    @Test("a round tries, in order, what was there when it began")
    func order() {
        var queue = queue(holding: 2)
        _ = queue.beginRound()
        #expect(queue.add([export(3)]).isEmpty)
        for number in 1...2 {
            #expect(queue.takeNext()?.number == number)
            #expect(queue.takeNext() == nil, "one at a time")
            #expect(queue.settle(.delivered(rejectedPoints: 0)).isEmpty)
        }
        #expect(queue.takeNext() == nil)
        queue.endRound()
        _ = queue.beginRound()
        #expect(queue.takeNext()?.number == 3)
    }

    @Test("a snapshot in parts is delivered with its last part, and failed with any")
    func parts() {
        for (outcomes, expected) in [
            ([.delivered(rejectedPoints: 0), .delivered(rejectedPoints: 0)], true),
            ([.refused, .delivered(rejectedPoints: 0)], false),
            ([.delivered(rejectedPoints: 0), .refused], false), ([.delivered(rejectedPoints: 0), .undelivered], false),
        ] as [([ExportOutcome], Bool)] {
            var queue = queue(exports: 0)
            let number = queue.expectNext(by: soon)
            _ = queue.nextNumber()
            #expect(queue.add([export(number), export(number)]).isEmpty, "the newest snapshot is there to be tried")
            _ = queue.beginRound()
            for (index, outcome) in outcomes.enumerated() {
                #expect(queue.takeNext()?.number == number)
                _ = queue.settle(outcome)
                #expect(index > 0 || queue.outcome(of: number) == (outcome == .refused ? false : nil))
            }
            queue.endRound()
            #expect(queue.outcome(of: number) == expected)
            #expect(queue.waiting.isEmpty)
            #expect(queue.statistics.exportsDelivered + queue.statistics.exportsFailed == 2)
        }
    }

    @Test("the parts that are left wait; they make room together only for a newer snapshot")
    func partsWait() {
        var queue = queue(exports: 2)
        _ = queue.nextNumber()
        _ = queue.add((0..<4).map { _ in export(1) })
        _ = queue.beginRound()
        _ = queue.takeNext()
        #expect(queue.settle(.delivered(rejectedPoints: 0)).isEmpty)
        _ = queue.takeNext()
        #expect(queue.settle(.undelivered).isEmpty)
        #expect(numbers(queue) == [1, 1, 1])
        #expect(queue.add([export(queue.nextNumber())]).map(\.number) == [1, 1])
        #expect(numbers(queue) == [1, 2])

        var without = self.queue(exports: 0)
        _ = without.nextNumber()
        _ = without.add([export(1), export(1), export(1)])
        _ = without.beginRound()
        _ = without.takeNext()
        #expect(without.settle(.undelivered).count == 3, "none is kept")
    }

    @Test("beyond the number, the oldest goes")
    func number() {
        var queue = queue(holding: 3)
        #expect(queue.add([export(4)]).map(\.number) == [1])
        #expect(numbers(queue) == [2, 3, 4])
    }

    @Test("beyond the size, as many of the oldest go as must")
    func size() {
        var queue = queue(exports: 10, bytes: 50, holding: 5)
        #expect(queue.add([export(6, bytes: 25)]).map(\.number) == [1, 2, 3])
        #expect(numbers(queue) == [4, 5, 6])
    }

    @Test("the newest is there to be tried once, whatever its size; what was tried and is too large is not kept")
    func large() {
        var queue = queue(bytes: 50, holding: 2)
        #expect(queue.add([export(3, bytes: 51)]).map(\.number) == [1, 2])
        _ = queue.beginRound()
        #expect(queue.takeNext()?.number == 3)
        #expect(queue.settle(.undelivered).map(\.number) == [3])
        #expect(queue.waiting.isEmpty)
    }

    @Test("an undelivered export is the oldest again, and goes if newer ones have filled the queue meanwhile")
    func undelivered() {
        var queue = queue(holding: 3)
        _ = queue.beginRound()
        _ = queue.takeNext()
        #expect(queue.settle(.undelivered).isEmpty)
        #expect(numbers(queue) == [1, 2, 3])
        _ = queue.takeNext()
        #expect(queue.add([export(4)]).isEmpty, "what is in flight takes no room")
        #expect(queue.settle(.undelivered).map(\.number) == [1])
        #expect(numbers(queue) == [2, 3, 4])
    }

    @Test("without a limit nothing is kept for later, and one export waits for its turn")
    func off() {
        var queue = queue(exports: 0, holding: 1)
        _ = queue.beginRound()
        _ = queue.takeNext()
        #expect(queue.add([export(2)]).isEmpty)
        #expect(queue.settle(.undelivered).map(\.number) == [1])
        #expect(numbers(queue) == [2])
        #expect(queue.add([export(3)]).map(\.number) == [2])
    }

    // MARK: Outcomes

    @Test("each snapshot has its own outcome; a round that ends early leaves those behind undelivered")
    func outcomes() {
        var queue = queue(exports: 10)
        var expected: [Int] = []
        for _ in 1...5 {
            expected.append(queue.expectNext(by: soon))
            let number = queue.nextNumber()
            #expect(number == expected.last)
            if number == 3 { queue.skip(number) } else { _ = queue.add([export(number)]) }
        }
        #expect(expected.map(queue.outcome(of:)) == [nil, nil, true, nil, nil])
        #expect(queue.beginRound() == soon)
        for outcome in [ExportOutcome.refused, .delivered(rejectedPoints: 0), .undelivered] {
            _ = queue.takeNext()
            _ = queue.settle(outcome)
        }
        queue.endRound()
        #expect(expected.map(queue.outcome(of:)) == [false, true, true, false, false])
        #expect(queue.beginRound() == nil, "nobody waits for a second answer")
        expected.forEach { queue.forget($0) }
        #expect(queue.expectations.isEmpty)
    }

    @Test("a snapshot that is dropped while it waits has failed for those who wait for it")
    func droppedOutcome() {
        var queue = queue(exports: 1)
        let first = queue.expectNext(by: soon)
        _ = queue.add([export(queue.nextNumber())])
        let second = queue.expectNext(by: soon)
        _ = queue.add([export(queue.nextNumber())])
        #expect(queue.outcome(of: first) == false)
        #expect(queue.hasBegun(first))
        #expect(queue.outcome(of: second) == nil)
        #expect(!queue.hasBegun(second))
    }

    @Test("several may wait for one snapshot, until the last of them is gone")
    func sharedExpectation() {
        var queue = queue()
        #expect(queue.expectNext(by: soon + .seconds(1)) == 1)
        #expect(queue.expectNext(by: soon) == 1)
        _ = queue.add([export(queue.nextNumber())])
        #expect(queue.beginRound() == soon + .seconds(1))
        #expect(queue.expectNext(by: soon) == 2)
        queue.forget(1)
        _ = queue.takeNext()
        _ = queue.settle(.delivered(rejectedPoints: 0))
        #expect(queue.outcome(of: 1) == true)
        queue.forget(1)
        queue.forget(2)
        #expect(queue.expectations.isEmpty)
    }

    // MARK: The end

    @Test(
        "what is in flight at the end is counted once, as what becomes of it",
        arguments: [(.delivered(rejectedPoints: 0), 1), (.refused, 0), (.undelivered, 0)] as [(ExportOutcome, Int)]
    )
    func closedInFlight(outcome: ExportOutcome, delivered: Int) {
        var queue = queue()
        let number = queue.expectNext(by: soon)
        _ = queue.add([export(queue.nextNumber())])
        _ = queue.beginRound()
        _ = queue.takeNext()
        _ = queue.add([export(queue.nextNumber())])
        #expect(queue.close().map(\.number) == [2])
        #expect(queue.outcome(of: number) == nil, "it is still open")
        #expect(queue.settle(outcome).map(\.number) == (outcome == .undelivered ? [1] : []))
        #expect(queue.outcome(of: number) == (delivered == 1))
        #expect(queue.statistics.exportsDelivered == delivered)
        #expect(queue.statistics.exportsFailed == 2 - delivered)
        #expect(queue.statistics.exportsBuffered == 0)
        #expect(queue.settle(.delivered(rejectedPoints: 0)).isEmpty)
        #expect(queue.statistics.exportsDelivered == delivered)
    }

    @Test("after the end nothing is kept, and nobody waits")
    func afterClose() {
        var queue = queue()
        _ = queue.close()
        let number = queue.expectNext(by: soon)
        #expect(queue.outcome(of: number) == false)
        #expect(queue.add([export(queue.nextNumber())]).map(\.number) == [1])
        #expect(queue.statistics.exportsFailed == 1)
        #expect(queue.close().isEmpty)
    }

    // MARK: Any order of operations

    /// What a queue must be like, written down without cleverness.
    private struct Model {
        var taken = 0
        var delivered: Set<Int> = []
        var failed: Set<Int> = []
        /// By number, the first answer that somebody who waits for it may get.
        var answers: [Int: Bool] = [:]
        /// Numbers that somebody waits for, once for each.
        var waiters: [Int] = []
        var isClosed = false

        mutating func answer(_ number: Int, _ outcome: Bool) {
            if answers[number] == nil { answers[number] = outcome }
        }

        mutating func fail(_ exports: [Export]) {
            for export in exports {
                #expect(failed.insert(export.number).inserted && !delivered.contains(export.number), "counted twice")
                answer(export.number, false)
            }
        }
    }

    @Test("in any order of operations, each export is counted exactly once and each waiter gets its own answer")
    func anyOrder() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3_000 {
            let limits = ExportQueue.Limits(
                exports: Int.random(in: 0...4, using: &generator),
                bytes: Int.random(in: 0...60, using: &generator)
            )
            var queue = ExportQueue(limits)
            var model = Model()
            for _ in 0..<40 {
                step(&queue, &model, &generator)
                check(queue, model, limits)
            }
            for number in model.waiters { queue.forget(number) }
            #expect(queue.expectations.isEmpty)
        }
    }

    private func step(_ queue: inout ExportQueue, _ model: inout Model, _ generator: inout SeededGenerator) {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<6:
            model.taken += 1
            let dropped = queue.add([export(queue.nextNumber(), bytes: Int.random(in: 0...30, using: &generator))])
            model.fail(dropped)
        case 6:
            let number = queue.nextNumber()
            queue.skip(number)
            model.answer(number, true)
        case 7:
            model.taken += 1
            let number = queue.nextNumber()
            queue.reject(number, points: 1)
            model.failed.insert(number)
            model.answer(number, false)
        case 8..<10:
            _ = queue.beginRound()
        case 10..<13:
            _ = queue.takeNext()
        case 13..<16:
            let outcomes: [ExportOutcome] = [.delivered(rejectedPoints: 1), .refused, .undelivered]
            let (export, outcome) = (queue.inFlight, outcomes.randomElement(using: &generator)!)
            let dropped = queue.settle(outcome)
            guard let export else { break }
            switch outcome {
            case .delivered:
                #expect(model.delivered.insert(export.number).inserted && !model.failed.contains(export.number))
                model.answer(export.number, true)
            case .refused:
                model.fail([export])
            case .undelivered:
                model.fail(dropped)
            }
        case 16:
            // What waits and has begun is left behind by this round.
            let left = queue.waiting.map(\.number).filter(queue.hasBegun)
            queue.endRound()
            for number in left { model.answer(number, false) }
        case 17:
            model.waiters.append(queue.expectNext(by: soon))
        case 18:
            guard let index = model.waiters.indices.randomElement(using: &generator) else { break }
            queue.forget(model.waiters.remove(at: index))
        default:
            guard Int.random(in: 0..<4, using: &generator) == 0 else { break }
            model.fail(queue.close())
            model.isClosed = true
        }
    }

    private func check(_ queue: ExportQueue, _ model: Model, _ limits: ExportQueue.Limits) {
        let statistics = queue.statistics
        let inFlight = queue.inFlight == nil ? 0 : 1
        #expect(
            model.taken
                == statistics.exportsDelivered + statistics.exportsFailed + statistics.exportsBuffered + inFlight
        )
        #expect(statistics.exportsDelivered == model.delivered.count)
        #expect(statistics.exportsFailed == model.failed.count)
        #expect(statistics.exportsBuffered == queue.waiting.count)
        let points = statistics.pointsDelivered + statistics.pointsRejected + statistics.pointsDropped
        #expect(points == model.delivered.count + model.failed.count)

        let numbers = queue.waiting.map(\.number)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy(<))
        #expect(numbers.count <= max(limits.exports, 1))
        #expect(numbers.count <= 1 || queue.waiting.reduce(0) { $0 + $1.body.count } <= limits.bytes)
        #expect(!model.isClosed || numbers.isEmpty)
        for number in model.waiters {
            let isOpen = !model.isClosed || queue.inFlight?.number == number
            #expect(queue.outcome(of: number) == model.answers[number] ?? (isOpen ? nil : false))
        }
    }
}
