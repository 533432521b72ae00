// A day's work in some minutes: does anything grow?

import Foundation
import GenAIOtel
import TestSupport

/// 20 000 exports, 20 000 polls and 10 000 000 gauge updates from eight threads, with a server that misbehaves at every
/// hundredth request; prints what the process holds meanwhile.
///
/// At its default intervals a process does as much in 14 days of exports and 28 hours of polls.
struct Soak {
    private static let exports = 20_000
    private static let polls = 20_000
    private static let updates = 10_000_000
    private static let threads = 8
    /// The work is done in so many parts, with a look at the process after each.
    private static let parts = 30

    private struct Failed: Error { let reason: String }

    func run() throws {
        let server = try ChildProcess(CommandLine.arguments[0], ["soak-server"])
        defer { server.stop() }
        guard let port = server.waitForLine(containing: "port ")?.dropFirst(5) else {
            throw Failed(reason: "no server")
        }
        let instrumentation = instrument(configuration(url: "http://127.0.0.1:\(port)"))
        defer { instrumentation.shutdown() }

        print("| part | exports | updates | threads | descriptors | RSS (KiB) |\n|---|---|---|---|---|---|")
        var looks: [ProcessResources] = []
        for part in 1...Self.parts {
            update(instrumentation.serverMetrics, Self.updates / Self.parts)
            for _ in 0..<Self.exports / Self.parts { instrumentation.forceFlush(timeout: .seconds(1)) }
            if part == Self.parts, server.waitForLine(containing: "polls \(Self.polls)", limit: .seconds(1200)) == nil {
                throw Failed(reason: "the polls did not come to an end")
            }
            looks.append(look())
            if part % 3 == 0 || part == 1 { report(part, looks[part - 1], instrumentation.exportStatistics) }
        }
        print("\n\(instrumentation.exportStatistics)\n")
        judge(looks)
    }

    private func configuration(url: String) -> GenAIConfiguration {
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "1000", "OLLAMA_BASE_URL": url,
            "GENAI_OLLAMA_METRICS_INTERVAL": "0.03", "GENAI_OLLAMA_MAX_VRAM_GB": "24", "GENAI_LOG_LEVEL": "none",
            "GENAI_SERVER_METRICS_TARGETS": (1...3).map { "\(url)/\($0)/metrics" }.joined(separator: ","),
            "GENAI_SERVER_METRICS_INTERVAL": "0.03",
        ])
        configuration.exportInterval = .seconds(3600)
        return configuration
    }

    /// Gauges, counts and tracked requests, from all threads at once.
    private func update(_ metrics: ServerMetricsCollector, _ count: Int) {
        let ended = Monitor(0)
        for thread in 0..<Self.threads {
            Thread.detachNewThread {
                for number in 0..<count / Self.threads {
                    switch number % 4 {
                    case 0: metrics.setKVCacheUsage(model: "model \(number / 4 % 100)", percent: Double(number % 100))
                    case 1: metrics.incrementRequestsRunning()
                    case 2: metrics.decrementRequestsRunning()
                    default: metrics.trackRequest(model: "model \(thread)") { $0.markFirstToken() }
                    }
                }
                ended.mutate { $0 += 1 }
            }
        }
        let _: Bool? = ended.wait(until: nil) { $0 == Self.threads ? true : nil }
    }

    /// After a second, in which what has ended goes, and the pollers' connections that met a fault are made anew.
    private func look() -> ProcessResources {
        _ = eventually(within: .seconds(1)) { false }
        return .now
    }

    private func report(_ part: Int, _ resources: ProcessResources, _ statistics: ExportStatistics) {
        let exports = statistics.exportsDelivered + statistics.exportsFailed
        print(
            "| \(part) | \(exports) | \(Self.updates / Self.parts * part) | \(resources.threads) "
                + "| \(resources.descriptors) | \(resources.memory) |"
        )
        fflush(nil)
    }

    /// What the last third must look like: no growth.
    private func judge(_ looks: [ProcessResources]) {
        let last = looks.suffix(Self.parts / 3)
        guard let first = last.first, let end = last.last else { return }
        let growth = (Double(end.memory) / Double(first.memory) - 1) * 100
        print("Last third: RSS \(growth < 0 ? "" : "+")\((growth * 10).rounded() / 10) %,", terminator: " ")
        print("threads \(last.map(\.threads).min() ?? 0) to \(last.map(\.threads).max() ?? 0),", terminator: " ")
        print("descriptors \(last.map(\.descriptors).min() ?? 0) to \(last.map(\.descriptors).max() ?? 0)")
    }
}
