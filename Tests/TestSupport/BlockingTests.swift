// Lets tests block without starving one another.

import Foundation
import Testing

/// Runs each test on a thread of its own.
///
/// Swift Testing runs tests on Swift's cooperative threads, of which there are as many as processors. On Linux URLSession
/// shares them: a few tests that block, waiting for an answer, would keep that answer from arriving for seconds.
package struct BlockingTests: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ThreadExecutor()) { try await function() }
    }
}

extension Trait where Self == BlockingTests {
    /// The tests block: each gets a thread of its own.
    package static var blocking: BlockingTests { BlockingTests() }
}

/// Runs every job on a new thread.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let thread = Thread { job.runSynchronously(on: executor) }
        thread.name = "test"
        thread.start()
    }
}
