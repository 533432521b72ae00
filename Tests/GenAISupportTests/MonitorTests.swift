import Foundation
import GenAISupport
import TestSupport
import Testing

@Suite("Monitor, Locked and Cancellation", .blocking)
struct MonitorTests {
    @Test("a waiter wakes when the value satisfies it, and not before")
    func waiting() {
        let value = Monitor(0)
        Thread.detachNewThread { for _ in 0..<5 { value.mutate { $0 += 1 } } }
        #expect(value.wait(until: .now + .seconds(60)) { $0 == 5 ? "five" : nil } == "five")
    }

    @Test("a deadline in the past still takes what is there, and otherwise gives nothing at once")
    func pastDeadline() {
        let value = Monitor(7)
        #expect(value.wait(until: .now - .seconds(1)) { $0 == 7 ? true : nil } == true)
        #expect(value.wait(until: .now - .seconds(1)) { $0 == 8 ? true : nil } == nil)
    }

    @Test("a deadline ends the wait")
    func deadline() {
        let value = Monitor(0)
        let start = ContinuousClock.now
        #expect(value.wait(until: start + .milliseconds(20)) { $0 == 1 ? true : nil } == nil)
        #expect(start.duration(to: .now) >= .milliseconds(20))
    }

    @Test("threads that add under the lock lose nothing")
    func locked() {
        let counter = Locked(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<5_000 { counter.withLock { $0 += 1 } }
        }
        #expect(counter.withLock { $0 } == 40_000)
    }

    @Test("an action runs once when the cancellation is raised, at once if it is up, never after its scope")
    func cancellation() {
        let cancellation = Cancellation()
        let count = Locked(0)
        let action: Cancellation.Action = { count.withLock { $0 += 1 } }
        cancellation.withAction(action) {}
        #expect(count.withLock { $0 } == 0)
        cancellation.withAction(action) {
            cancellation.cancel()
            cancellation.cancel()
            #expect(count.withLock { $0 } == 1)
        }
        #expect(cancellation.isCancelled)
        cancellation.withAction(action) { #expect(count.withLock { $0 } == 2) }
    }
}
