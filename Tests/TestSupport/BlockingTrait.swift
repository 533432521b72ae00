// Lets tests block without starving what they wait for.

import Foundation
import GenAISupport
import Testing

/// Runs tests on a thread of their own instead of Swift's cooperative pool, one after another.
///
/// For tests that block and tests that use URLSession. On Linux the cooperative pool and Dispatch's queues, which URLSession
/// works on, share one set of threads, about one per core: a few blocked tests would leave none. And sessions that open
/// and close connections side by side can take over each other's file descriptor numbers faster than Dispatch forgets
/// them; a request then hears nothing more and times out.
package struct BlockingTrait: SuiteTrait, TestTrait {
    package let isRecursive = true
}

// Swift 6.0 has no scopes of tests: there the trait changes nothing, and only what needs no tests can be built and run.
#if compiler(>=6.1)
extension BlockingTrait: TestScoping {
    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        // The suite's own scope surrounds all its tests and does not block.
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(BlockingExecutor.shared) { try await function() }
    }
}
#endif

extension Trait where Self == BlockingTrait {
    /// The tests block: see ``BlockingTrait``.
    package static var blocking: BlockingTrait { BlockingTrait() }
}

/// A thread that runs jobs in the order in which they come.
private final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    private let jobs = Monitor<[UnownedJob]>([])

    private init() {
        let thread = Thread { [self] in
            // Threads of Dispatch, of which one makes this one, block signals, and child processes would inherit that.
            var none = sigset_t()
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, nil)
            while true {
                jobs.wait(until: nil, for: { $0.isEmpty ? nil : $0.removeFirst() })?.runSynchronously(
                    on: asUnownedTaskExecutor()
                )
            }
        }
        thread.name = "blocking-tests"
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.mutate { $0.append(job) }
    }
}
