import Foundation
import TestSupport
import Testing

@testable import GenAISupport

@Suite("RepeatingThread", .blocking)
struct RepeatingThreadTests {
    private let time = ManualTimeSource()
    private let runs = Monitor(0)

    private func thread(
        interval: Duration = .seconds(5),
        firstRun: RepeatingThread.FirstRun = .immediately,
        name: String = "repeat-test"
    ) -> RepeatingThread {
        RepeatingThread(name: name, interval: interval, firstRun: firstRun, timeSource: time) { _ in
            runs.mutate { $0 += 1 }
        }
    }

    private func waitForRuns(_ count: Int) -> Bool {
        runs.wait(until: .now + .seconds(60)) { $0 >= count ? true : nil } ?? false
    }

    @Test("runs at once, then at each interval")
    func schedule() {
        let thread = thread()
        thread.start()
        defer { thread.stop(timeout: .seconds(10)) }
        for run in 1...4 {
            #expect(waitForRuns(run))
            #expect(time.waitForSleepers())
            #expect(time.timeUntilNextDeadline == .seconds(5))
            time.advance(by: .seconds(5))
        }
        #expect(waitForRuns(5))
    }

    @Test("runs that were missed are skipped, and the schedule stays where it was")
    func noDrift() {
        let thread = thread(firstRun: .afterOneInterval)
        thread.start()
        defer { thread.stop(timeout: .seconds(10)) }
        #expect(time.waitForSleepers())
        time.advance(by: .seconds(23))
        #expect(waitForRuns(1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(2))
        #expect(runs.read { $0 } == 1)
    }

    @Test("a wake-up runs at once and leaves the schedule alone")
    func wake() {
        let thread = thread(firstRun: .afterOneInterval)
        thread.start()
        defer { thread.stop(timeout: .seconds(10)) }
        #expect(time.waitForSleepers())
        thread.wake()
        #expect(waitForRuns(1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(5))
    }

    @Test("start twice makes one thread; stop ends it; stop without start does nothing; it can start again")
    func startAndStop() {
        let thread = thread(name: "repeat-once")
        #expect(thread.stop(timeout: .zero))
        #expect(!thread.isRunning)
        for _ in 1...3 {
            thread.start()
            thread.start()
            #expect(thread.isRunning)
            #expect(eventually { threadNames().count { $0 == "repeat-once" } == 1 })
            #expect(thread.stop(timeout: .seconds(10)))
            #expect(!thread.isRunning)
            #expect(eventually { !threadNames().contains("repeat-once") })
        }
    }

    @Test("stop cancels the work and says so if it does not end in time; a new start does not wait for it")
    func stopWhileBusy() {
        let isReleased = Monitor(false)
        let wasCancelled = Monitor(0)
        let thread = RepeatingThread(name: "busy-test", interval: .seconds(5), timeSource: time) { cancellation in
            runs.mutate { $0 += 1 }
            let _: Bool? = isReleased.wait(until: .now + .seconds(60)) { $0 ? true : nil }
            if cancellation.isCancelled { wasCancelled.mutate { $0 += 1 } }
        }
        thread.start()
        #expect(waitForRuns(1))
        #expect(!thread.stop(timeout: .milliseconds(1)))
        thread.start()
        #expect(waitForRuns(2), "the new thread runs beside the old one")
        #expect(!thread.stop(timeout: .milliseconds(1)), "both are busy")
        #expect(thread.isRunning)
        isReleased.mutate { $0 = true }
        #expect(thread.stop(timeout: .seconds(10)))
        #expect(!thread.isRunning)
        #expect(wasCancelled.read { $0 } == 2, "neither was in its work any more when stop returned")
        #expect(eventually { !threadNames().contains("busy-test") })
    }

    @Test("stop from the thread itself does not lock up")
    func stopFromWithin() {
        let own = Monitor<RepeatingThread?>(nil)
        let result = Monitor<Bool?>(nil)
        let thread = RepeatingThread(name: "self-test", interval: .seconds(5), timeSource: time) { _ in
            let hasEnded = own.read { $0 }?.stop(timeout: .seconds(60))
            result.mutate { $0 = hasEnded }
        }
        own.mutate { $0 = thread }
        thread.start()
        #expect(result.wait(until: .now + .seconds(60)) { $0 } == false)
        #expect(eventually { !thread.isRunning })
        own.mutate { $0 = nil }
    }

    @Test("each run makes its own state on its own thread and lets go of it there; its interval is asked for there")
    func stateOfARun() {
        final class Held {
            private let thread = DetachedThread.idOfCurrent
            let isLetGo: Monitor<Int>
            init(_ isLetGo: Monitor<Int>) { self.isLetGo = isLetGo }
            func check() { #expect(DetachedThread.idOfCurrent == thread) }
            deinit {
                check()
                isLetGo.mutate { $0 += 1 }
            }
        }
        let isLetGo = Monitor(0)
        let thread = RepeatingThread(name: "state-test", timeSource: time) { [runs] in
            let held = Held(isLetGo)
            return RepeatingThread.Work(
                interval: .seconds(5),
                turn: { _ in
                    held.check()
                    runs.mutate { $0 += 1 }
                },
                end: held.check
            )
        }
        for run in 1...3 {
            thread.start()
            #expect(waitForRuns(run))
            #expect(thread.stop(timeout: .seconds(10)))
            #expect(isLetGo.read { $0 } == run, "before stop returns")
        }
    }

    @Test("a run that is stopped before its thread comes to work makes no state")
    func stoppedAtOnce() {
        let begun = Monitor(0)
        let ended = Monitor(0)
        let thread = RepeatingThread(name: "at-once", timeSource: time) {
            begun.mutate { $0 += 1 }
            return RepeatingThread.Work(interval: .seconds(5), turn: { _ in }, end: { ended.mutate { $0 += 1 } })
        }
        for _ in 0..<50 {
            thread.start()
            thread.requestStop()
        }
        #expect(thread.stop(timeout: .seconds(10)))
        #expect(begun.read { $0 } == ended.read { $0 })
    }

    @Test("closed: no start does anything, from whatever thread")
    func close() {
        let thread = thread()
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            if number == 4 { thread.close() } else { thread.start() }
        }
        #expect(thread.start(), "nothing to complain of")
        #expect(thread.stop(timeout: .seconds(10)))
        #expect(!thread.isRunning)
    }

    @Test(
        "any timeout is one",
        arguments: [.zero, .seconds(-1), .seconds(Int64.max), .seconds(Int64.min)] as [Duration]
    )
    func timeouts(timeout: Duration) {
        let thread = thread()
        thread.start()
        thread.stop(timeout: timeout)
        #expect(thread.stop(timeout: .seconds(10)))
    }

    @Test("an interval without end is a year")
    func longestInterval() {
        let thread = thread(interval: .seconds(Int64.max))
        thread.start()
        defer { thread.stop(timeout: .seconds(10)) }
        #expect(waitForRuns(1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .year)
    }

    #if os(Linux)
    @Test("its stack has the size that it shall have")
    func stackSize() throws {
        typealias GetAttributes = @convention(c) (pthread_t, UnsafeMutablePointer<pthread_attr_t>) -> Int32
        // Swift can't see it.
        let getAttributes: GetAttributes = try DynamicLibrary().function("pthread_getattr_np")
        let size = Monitor<Int?>(nil)
        let hasStarted = DetachedThread.start {
            var attributes = pthread_attr_t()
            _ = getAttributes(pthread_self(), &attributes)
            var bytes = 0
            pthread_attr_getstacksize(&attributes, &bytes)
            pthread_attr_destroy(&attributes)
            size.mutate { [bytes] in $0 = bytes }
        }
        #expect(hasStarted)
        let bytes: Int? = size.wait(until: .now + .seconds(60)) { $0 }
        // A sanitizer adds what it needs for itself.
        #expect(bytes.map { $0 >= 512 << 10 && $0 < 2 << 20 } == true, "\(bytes ?? 0)")
    }
    #endif

    @Test("no interval makes a busy loop", arguments: [Duration.zero, .seconds(-5), .nanoseconds(1)])
    func shortestInterval(interval: Duration) {
        let thread = thread(interval: interval)
        thread.start()
        defer { thread.stop(timeout: .seconds(10)) }
        #expect(waitForRuns(1))
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == RepeatingThread.shortestInterval)
    }

    @Test("threads that start and stop from everywhere at once end in order")
    func storm() {
        let thread = RepeatingThread(name: "storm-test", interval: .seconds(60)) { _ in }
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<50 {
                thread.start()
                thread.wake()
                thread.stop(timeout: .seconds(10))
            }
        }
        #expect(thread.stop(timeout: .seconds(10)))
        #expect(eventually { !threadNames().contains("storm-test") })
    }
}
