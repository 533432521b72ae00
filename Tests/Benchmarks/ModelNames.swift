// What it costs to set a model's KV-cache usage by its name, beside a dictionary behind a mutex.

import Foundation
import GenAIOtel
import GenAISupport

enum ModelNames {
    static func run() -> [Table] {
        Companion.start
        return [
            comparison("1 model, a name of 33 bytes", models: 1, prefix: "meta-llama/Llama-3.1-8B-Instru-"),
            comparison("10 models in turn, names of 9 bytes", models: 10, prefix: "qwen-3-"),
            comparison("2 000 models in turn, names of up to 15 bytes", models: 2_000, prefix: "mistral-7b-"),
            comparison("10 000 models in turn, long names", models: 10_000, prefix: "meta-llama/Llama-3.1-8B-"),
        ].map { $0.run() } + [registration]
    }

    private static func comparison(_ title: String, models: Int, prefix: String) -> Comparison {
        let bare = BareDictionary()
        let metrics = ServerMetricsCollector(cardinalityLimit: models, log: Log(level: nil))
        for name in names(models, prefix) {
            bare.set(name, 0)
            metrics.setKVCacheUsage(model: name, percent: 0)
        }
        // Strings of their own, as they come from a request: equal to those that are registered, but not the same.
        let lookups = names(models, prefix)
        return Comparison(
            title: "KV-cache usage of \(title)",
            subjects: [
                Subject("bare mutex around a [String: Double]") { calls in
                    forEachName(lookups, calls) { bare.set($0, 7) }
                },
                Subject("setKVCacheUsage", goals: [.ratio(1.1), .allocations(0)]) { calls in
                    forEachName(lookups, calls) { metrics.setKVCacheUsage(model: $0, percent: 7) }
                },
            ]
        )
    }

    /// Registering ten thousand names, from an empty collector on.
    private static var registration: Table {
        let names = names(10_000, "meta-llama/Llama-3.1-8B-")
        return Comparison(
            title: "First registration of 10 000 models",
            unit: .milliseconds,
            rounds: 9,
            calls: 1,
            subjects: [
                Subject("bare mutex around a [String: Double]") { _ in
                    let bare = BareDictionary()
                    for name in names { bare.set(name, 7) }
                },
                Subject("setKVCacheUsage", goals: [.value(10)]) { _ in
                    let metrics = ServerMetricsCollector(cardinalityLimit: 10_000, log: Log(level: nil))
                    for name in names { metrics.setKVCacheUsage(model: name, percent: 7) }
                },
            ]
        ).run()
    }

    private static func names(_ number: Int, _ prefix: String) -> [String] {
        (0..<number).map { prefix + String($0 + 10) }
    }

    @inline(__always)
    private static func forEachName(_ names: [String], _ calls: Int, _ body: (String) -> Void) {
        var next = 0
        for _ in 0..<calls {
            body(names[next])
            next += 1
            if next == names.count { next = 0 }
        }
    }
}

/// The least that a value by name costs.
private final class BareDictionary: @unchecked Sendable {
    // Sendable: `values` is touched only while the mutex is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var values: [String: Double] = [:]

    init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func set(_ name: String, _ value: Double) {
        pthread_mutex_lock(mutex)
        values[name] = value
        pthread_mutex_unlock(mutex)
    }
}
