// Polls a server that is hostile, and tells what that cost.

import EnginePoller
import Foundation
import GenAISupport
import OllamaPoller
import TestSupport

/// Polls `url` again and again with one of the pollers.
struct Polls {
    static let count = 10

    let url: String

    func ollama() throws {
        let configuration = OllamaConfiguration(
            environment: [
                "OLLAMA_BASE_URL": url, "GENAI_OLLAMA_METRICS_INTERVAL": "0.01", "GENAI_OLLAMA_MAX_VRAM_GB": "24",
            ]
        )
        try report { onReading in
            let poller = OllamaServerMetricsPoller(configuration, log: Log(level: nil), onReading: onReading)
            poller.start()
            return { poller.stop() }
        }
    }

    func engine() throws {
        guard let url = URL(string: url) else { exit(2) }
        let target = EngineTarget(url: url, interval: .milliseconds(10))
        try report { onReading in
            let poller = EngineServerMetricsPoller(targets: [target], logLevel: nil, onReading: onReading)
            poller.start()
            return { poller.stop() }
        }
    }

    /// - Parameter start: starts a poller, and returns how to stop it.
    private func report(start: (@escaping @Sendable (ServerReading) -> Void) -> () -> Bool) throws {
        var report = FaultReport()
        report.before = .now
        let readings = Monitor<[Bool]>([])
        let begin = ContinuousClock.now
        let stop = start { reading in readings.mutate { $0.append(reading.isUp) } }
        let haveCome: Bool? = readings.wait(until: .now + .seconds(120)) { $0.count >= Self.count ? true : nil }
        report.seconds = begin.duration(to: .now) / .seconds(1)
        report.isDelivered = haveCome == true && readings.read { $0.contains(true) }
        report.isShutDown = haveCome == true && stop()
        report.after = .now
        try print(report)
    }
}
