// What it costs to look for Ollama's runners and to read them.

import Foundation
import OllamaPoller
import TestSupport

/// Polls an Ollama with eight runners on a machine with five hundred processes, all of them real, in a process of its own:
/// what it takes is the time of all its threads, those of the HTTP clients included.
struct OllamaRunnerPolls {
    /// The argument with which this program does the polling.
    static let argument = "--poll-ollama"

    var runners = 8
    var processes = 500

    private struct Unusable: Error { var output: [String] }

    func run() throws -> [Table] {
        let models = (1...runners).map { number in
            SimulatedOllama.Model("model-\(number)", file: "/models/blobs/sha256-\(UUID().uuidString)")
        }
        let ollama = try SimulatedOllama(models)
        defer { ollama.stop() }
        let parent = try RunnerParent()
        defer { parent.stop() }
        let servers = try models.map { _ in
            try SimulatedRunner(slots: Self.recorded("slots.json"), metrics: Self.recorded("metrics.txt"))
        }
        defer { for server in servers { server.stop() } }
        for (model, server) in zip(models, servers) { try parent.startRunner(model: model.file, port: server.port) }
        let present = try FileManager.default.contentsOfDirectory(atPath: "/proc").count { Int($0) != nil }
        for number in stride(from: present, to: processes, by: 1) {
            try parent.start("sh -c 'read x; :' worker --number \(number) --listen 127.0.0.1 --level info")
        }
        let poller = try ChildProcess("/proc/self/exe", [Self.argument, ollama.url])
        defer { poller.stop() }
        guard poller.waitForEnd(.seconds(300)) else { throw Unusable(output: poller.lines) }
        let samples = try ["off", "on"].map { name in
            let numbers = poller.lines.first { $0.hasPrefix("\(name) ") }?.split(separator: " ").compactMap {
                Double($0)
            }
            guard let numbers, !numbers.isEmpty else { throw Unusable(output: poller.lines) }
            return Samples(values: numbers.map { $0 / 1e6 })
        }
        let title = "A poll of Ollama, \(runners) models, \(max(present, processes)) processes, processor time"
        return [
            Table(
                title: title,
                rows: [
                    Row("without runners", .milliseconds, samples[0], baseline: samples[0]),
                    Row("with runners", .milliseconds, samples[1], baseline: samples[0], goals: [.value(5)]),
                ]
            )
        ]
    }

    /// What the other process does: prints the processor time of each poll in nanoseconds.
    static func poll(_ url: String) {
        for (name, isOn) in [("off", "false"), ("on", "true")] {
            let time = ManualTimeSource()
            let moments = Monitor<[Double]>([])
            let configuration = OllamaConfiguration(
                environment: ["OLLAMA_BASE_URL": url, "GENAI_OLLAMA_MAX_VRAM_GB": "1", "GENAI_OLLAMA_RUNNERS": isOn]
            )
            let poller = OllamaServerMetricsPoller(configuration, log: Log(level: nil), timeSource: time) { reading in
                let isWhole = reading.models.allSatisfy { ($0.requestsRunning != nil) == (isOn == "true") }
                moments.mutate { $0.append(isWhole ? processorTime : .nan) }
            }
            poller.start()
            for number in 1...102 {
                let _: Bool? = moments.wait(until: .now + .seconds(60)) { $0.count >= number ? true : nil }
                _ = time.waitForSleepers()
                time.advance(by: .seconds(5))
            }
            poller.stop()
            let all = moments.read { $0 }
            // The first ones load what is loaded but once.
            let costs = zip(all.dropFirst(3), all.dropFirst(2)).map { $0 - $1 }.filter(\.isFinite)
            print(name, costs.map { "\(Int($0))" }.joined(separator: " "))
        }
    }

    private static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private static func recorded(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../OllamaPollerTests/Fixtures")
        return try String(contentsOf: folder.appendingPathComponent("runner-mid-\(name)"), encoding: .utf8)
    }
}
