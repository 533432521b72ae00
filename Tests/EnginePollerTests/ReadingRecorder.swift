// Collects readings and lets a test wait for one.

import GenAISupport

final class ReadingRecorder: Sendable {
    private let recorded = Monitor<[ServerReading]>([])

    /// What a poller is given as `onReading`.
    var record: @Sendable (ServerReading) -> Void {
        { [recorded] reading in recorded.mutate { $0.append(reading) } }
    }

    var readings: [ServerReading] { recorded.read { $0 } }

    /// Waits up to a minute until there are `count` readings that satisfy `condition`, and returns the last of them.
    func wait(
        for count: Int = 1,
        where condition: @escaping (ServerReading) -> Bool = { _ in true }
    ) -> ServerReading? {
        recorded.wait(until: .now + .seconds(60)) { readings in
            let matching = readings.filter(condition)
            return matching.count >= count ? matching[count - 1] : nil
        }
    }
}
