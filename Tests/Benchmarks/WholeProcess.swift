// What a program pays for being instrumented, beside one that makes a single request with URLSession.

import Foundation
import TestSupport

/// Builds both programs, starts each of them several times, and watches one for two minutes at the default intervals.
struct WholeProcess {
    var starts = 15
    /// Two exports and two dozen polls.
    var watched: Duration = .seconds(125)

    func run() throws -> [Table] {
        let server = try LoopbackServer(always: .json(#"{"models":[{"name":"llama3.2","size_vram":1073741824}]}"#))
        defer { server.stop() }
        let environment = [
            "PROBE_URL": server.url, "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OLLAMA_BASE_URL": server.url,
            "GENAI_LOG_LEVEL": "error",
        ]
        let baseline = try MinimalUser(building: "URLSessionOnly")
        defer { baseline.remove() }
        let instrumented = try MinimalUser(building: "Instrumented")
        defer { instrumented.remove() }
        return [
            buildTable(baseline, instrumented), try startTable(baseline, instrumented, environment),
            try idleTable(instrumented, environment),
        ]
    }

    private func buildTable(_ baseline: MinimalUser, _ instrumented: MinimalUser) -> Table {
        let samples = [baseline, instrumented].map { Samples(values: [$0.buildSeconds]) }
        return Table(
            title: "A clean release build, processor time",
            rows: [
                Row("a program that uses URLSession", .seconds, samples[0], baseline: samples[0]),
                Row("a program that uses this package", .seconds, samples[1], baseline: samples[0], goals: [.ratio(2)]),
            ]
        )
    }

    private func startTable(
        _ baseline: MinimalUser,
        _ instrumented: MinimalUser,
        _ environment: [String: String]
    ) throws -> Table {
        var memory = [Samples(), Samples()]
        var elapsed = Samples()
        var processor = Samples()
        for _ in 0..<starts {
            for (index, program) in [baseline, instrumented].enumerated() {
                let (process, line) = try program.start(environment)
                defer { process.stop() }
                memory[index].values.append(Double(OtherProcess.memory(process.pid)))
                let times = line.split(separator: " ").compactMap { Double($0) }
                guard times.count == 2 else { continue }
                elapsed.values.append(times[0] / 1e6)
                processor.values.append(times[1] / 1e6)
            }
        }
        return Table(
            title: "Starting, and memory after one request or export",
            rows: [
                Row("RSS, one request with URLSession", .kibibytes, memory[0], baseline: memory[0]),
                Row("RSS, instrumented", .kibibytes, memory[1], baseline: memory[0], goals: [.ratio(1.3)]),
                Row("instrument(), time that passes", .milliseconds, elapsed, goals: [.value(2)]),
                Row("instrument(), processor time of its thread", .milliseconds, processor),
            ]
        )
    }

    private func idleTable(_ program: MinimalUser, _ environment: [String: String]) throws -> Table {
        let (process, _) = try program.start(environment)
        defer { process.stop() }
        // What is done once, at the start, is not what an interval costs.
        Thread.sleep(forTimeInterval: 2)
        let before = OtherProcess.processorSeconds(process.pid)
        let start = ContinuousClock.now
        Thread.sleep(forTimeInterval: watched / .seconds(1))
        let used = OtherProcess.processorSeconds(process.pid) - before
        let share = 100 * used / (start.duration(to: .now) / .seconds(1))
        return Table(
            title: "At the default intervals, with a collector and an Ollama that answer",
            rows: [Row("processor time", .percentOfACore, Samples(values: [share]), goals: [.value(0.05)])]
        )
    }
}
