// Takes readings and lets a test wait for them.

@testable import OllamaPoller

final class ReadingRecorder: Sendable {
    private let recorded = Monitor<[ServerReading]>([])

    var all: [ServerReading] { recorded.read { $0 } }

    func record(_ reading: ServerReading) {
        recorded.mutate { $0.append(reading) }
    }

    /// Waits up to thirty seconds for the reading of this number, counted from 1.
    func wait(for number: Int = 1) -> ServerReading? {
        recorded.wait(until: .now + .seconds(30)) { $0.count >= number ? $0[number - 1] : nil }
    }
}
