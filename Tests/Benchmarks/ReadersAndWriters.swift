// Whether those who write wait for a snapshot: how long single calls take at worst.

import Foundation
import GenAIOtel
import GenAISupport
import Synchronization

enum ReadersAndWriters {
    /// What another thread does without a pause while calls are timed.
    private struct Other {
        var name: String
        var goals: [Goal] = []
        var body: @Sendable () -> Void
    }

    private static let rounds = 7
    private static let manySeries = 100_000

    static func run() -> [Table] {
        let few = collector(models: 10_000)
        let many = collector(models: manySeries)
        let encoder = PrometheusTextEncoder(resource: Resource([:]))
        let page = largePage
        return [
            table(
                "An increment, 10 000 models: the time that 99.9 % of 300 000 calls stay within",
                calls: 300_000,
                quantile: 0.999,
                beside: [Other(name: "snapshots", goals: [.ratio(3)]) { _ = few.snapshot(time: 1) }]
            ) {
                few.incrementRequestsRunning()
            },
            table(
                "A KV-cache usage by name, 10 000 models: the time that 99.9 % of 300 000 calls stay within",
                calls: 300_000,
                quantile: 0.999,
                beside: [Other(name: "snapshots") { _ = few.snapshot(time: 1) }]
            ) {
                few.setKVCacheUsage(model: "model-77", percent: 7)
            },
            table(
                "An increment, 100 000 series: the worst of a million calls",
                calls: 1_000_000,
                quantile: 1,
                beside: [
                    Other(name: "`record` of 87 612 models", goals: [.ratio(3)]) { many.record(page) },
                    Other(name: "snapshots", goals: [.ratio(3)]) { _ = many.snapshot(time: 1) },
                    Other(name: "`prometheusText()`", goals: [.ratio(3)]) {
                        _ = encoder.encode(many.snapshot(time: 1))
                    },
                ]
            ) {
                many.incrementRequestsRunning()
            },
        ]
    }

    private static func collector(models: Int) -> ServerMetricsCollector {
        let metrics = ServerMetricsCollector(cardinalityLimit: manySeries, log: Log(level: nil))
        for number in 0..<models { metrics.setKVCacheUsage(model: "model-\(number)", percent: 7) }
        return metrics
    }

    /// As many models as a page of 4 MiB can list.
    private static var largePage: ServerReading {
        ServerReading(
            server: ServerIdentity(engine: "vllm", address: "127.0.0.1", port: 8000),
            models: (0..<87_612).map { ModelReading(model: "m\($0)", kvCacheUsage: 7, requestsRunning: 1) }
        )
    }

    /// Each round times the calls beside a thread that only computes, which stands for what the machine itself does to
    /// them, and then beside each of the others.
    private static func table(
        _ title: String,
        calls: Int,
        quantile: Double,
        beside others: [Other],
        call: () -> Void
    ) -> Table {
        let all = [Other(name: "a thread that computes", body: busyWork)] + others
        var samples = all.map { _ in Samples() }
        for _ in 0..<rounds {
            for (index, other) in all.enumerated() {
                samples[index].values.append(time(of: call, calls, quantile, beside: other.body))
            }
        }
        return Table(
            title: title,
            rows: zip(all, samples).map { other, times in
                Row("beside \(other.name)", .nanoseconds, times, baseline: samples[0], goals: other.goals)
            }
        )
    }

    /// A quantile of the times of single calls; the reading of the clock is part of each.
    private static func time(
        of call: () -> Void,
        _ calls: Int,
        _ quantile: Double,
        beside other: @escaping @Sendable () -> Void
    ) -> Double {
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
        return Samples(values: times).quantile(quantile)
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
