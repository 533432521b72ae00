// Whether those who write wait for a snapshot: how long single calls take at worst.

import Foundation
import GenAIOtel
import GenAISupport
import Synchronization

enum ReadersAndWriters {
    private static let calls = 300_000
    private static let rounds = 7

    static func run() -> [Table] {
        let metrics = ServerMetricsCollector(cardinalityLimit: 10_000, log: Log(level: nil))
        let models = (0..<10_000).map { "model-\($0)" }
        for model in models { metrics.setKVCacheUsage(model: model, percent: 7) }
        return [
            table("An increment", goals: [.ratio(3)]) {
                metrics.incrementRequestsRunning()
            } reader: {
                _ = metrics.snapshot(time: 1)
            },
            table("A KV-cache usage by name") {
                metrics.setKVCacheUsage(model: models[77], percent: 7)
            } reader: {
                _ = metrics.snapshot(time: 1)
            },
        ]
    }

    /// Each round measures the calls without and with a reader; beside the reader's, a thread that is just as busy but
    /// touches nothing stands for what the machine itself does to both.
    private static func table(
        _ name: String,
        goals: [Goal] = [],
        call: () -> Void,
        reader: @escaping @Sendable () -> Void
    ) -> Table {
        var alone = Samples()
        var beside = Samples()
        for _ in 0..<rounds {
            alone.values.append(worstTime(of: call, beside: busyWork))
            beside.values.append(worstTime(of: call, beside: reader))
        }
        return Table(
            title: "\(name): the time that 99.9 % of \(calls) calls stay within, 10 000 models",
            rows: [
                Row("beside a thread that computes", .nanoseconds, alone, baseline: alone),
                Row("beside snapshots without a pause", .nanoseconds, beside, baseline: alone, goals: goals),
            ]
        )
    }

    /// The 99.9th percentile while another thread does something over and over; the reading of the clock is part of it.
    private static func worstTime(of call: () -> Void, beside other: @escaping @Sendable () -> Void) -> Double {
        let isDone = Flag()
        let group = DispatchGroup()
        group.enter()
        Thread.detachNewThread {
            while !isDone.value.load(ordering: .relaxed) { other() }
            group.leave()
        }
        let times = (0..<calls).map { _ in Stopwatch.elapsedTime(call) }
        isDone.value.store(true, ordering: .relaxed)
        group.wait()
        return Samples(values: times).quantile(0.999)
    }

    @Sendable
    private static func busyWork() {
        var hasher = Hasher()
        for number in 0..<10_000 { hasher.combine(number) }
        withExtendedLifetime(hasher.finalize()) {}
    }
}

private final class Flag: Sendable {
    let value = Atomic(false)
}
