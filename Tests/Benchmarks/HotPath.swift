// What request handlers pay for a count, beside the least that a guarded addition costs.

import Foundation
import GenAIOtel
import GenAISupport
import Synchronization
import TestSupport

enum HotPath {
    static func run() -> [Table] {
        var tables: [Table] = []
        if ProcessResources.now.threads == 1 {
            tables.append(comparison("Counts, in a process with a single thread", threads: 1).run())
        }
        Companion.start
        let instrumentation = instrument(.quiet)
        defer { instrumentation.shutdown(timeout: .seconds(1)) }
        tables.append(comparison("Counts, in a process with several threads", threads: 1).run())
        tables.append(comparison("Counts, two threads at once", threads: 2).run())
        return tables
    }

    private static func comparison(_ title: String, threads: Int) -> Comparison {
        let bare = BareMutex()
        let mutex = SystemMutex()
        let metrics = ServerMetricsCollector(cardinalityLimit: 2000, log: Log(level: nil))
        var subjects = [
            Subject("bare pthread mutex around an addition", threads: threads) { calls in
                for _ in 0..<calls { bare.add(1) }
            },
            Subject("bare pthread mutex around a store", threads: threads) { calls in
                for call in 0..<calls { bare.set(call) }
            },
            Subject("bare Synchronization.Mutex around an addition", threads: threads) { calls in
                for _ in 0..<calls { mutex.add(1) }
            },
            Subject("bare atomic addition", threads: threads) { calls in
                for _ in 0..<calls { mutex.atomic.wrappingAdd(1, ordering: .relaxed) }
            },
            Subject("incrementRequestsRunning", goals: [.ratio(1.3), .allocations(0)], threads: threads) { calls in
                for _ in 0..<calls { metrics.incrementRequestsRunning() }
            },
            Subject("setRequestsWaiting", goals: [.ratio(1.3), .allocations(0)], threads: threads) { calls in
                for call in 0..<calls { metrics.setRequestsWaiting(call) }
            },
        ]
        if getServerMetrics() != nil {
            subjects.append(
                Subject("getServerMetrics()?.incrementRequestsRunning", goals: [.ratio(2.5)], threads: threads) {
                    calls in
                    for _ in 0..<calls { getServerMetrics()?.incrementRequestsRunning() }
                }
            )
        }
        guard threads > 1 else { return Comparison(title: title, subjects: subjects) }
        // With few calls one thread may be done before the other has begun. Two that meet fall into one of two rhythms, several
        // times apart, as chance has it: many rounds even that out.
        return Comparison(title: title, rounds: 61, calls: 1_000_000, subjects: subjects)
    }
}

/// The least that a guarded count costs.
final class BareMutex: @unchecked Sendable {
    // Sendable: `count` is touched only while the mutex is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var count = 0

    init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func add(_ delta: Int) {
        pthread_mutex_lock(mutex)
        count &+= delta
        pthread_mutex_unlock(mutex)
    }

    func set(_ value: Int) {
        pthread_mutex_lock(mutex)
        count = value
        pthread_mutex_unlock(mutex)
    }
}

private final class SystemMutex: Sendable {
    private let count = Mutex(0)
    let atomic = Atomic(0)

    func add(_ delta: Int) { count.withLock { $0 &+= delta } }
}

extension GenAIConfiguration {
    /// Exports to nobody and polls nobody.
    static var quiet: GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: [:])
        configuration.exporters = []
        configuration.ollama = nil
        configuration.logLevel = nil
        return configuration
    }
}
