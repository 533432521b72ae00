// Thousands of looks at GPUs that are lost, come back and hang: does anything pile up?

import Foundation
import GPUPoller
import GenAIOtel
import TestSupport

/// 20 000 looks at four GPUs, with everything that can happen to them, and fifty at an `nvidia-smi`; prints what the process holds
/// before, meanwhile and after.
struct GPUSoak {
    private static let rounds = 20
    private static let looksPerRound = 1_000

    private struct Stuck: Error {}

    func run() throws {
        print("| moment | looks | readings | threads | descriptors | child processes | RSS (KiB) |")
        print("|---|---|---|---|---|---|---|")
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let library = try FakeNVML(4, in: folder)
        let collector = ServerMetricsCollector(cardinalityLimit: 2000, log: Log(level: nil))
        let readings = Monitor(0)
        report("before the first", 0, 0)
        var looks = 0
        for round in 1...Self.rounds {
            try look(at: library, Self.looksPerRound, collector, readings)
            looks += Self.looksPerRound
            if [1, 5, 10, 15, Self.rounds].contains(round) { report("poller stopped", looks, readings.read { $0 }) }
        }
        try folder.writeScript("echo 'GPU-0, H100, 97, 40960, 81920, 61, 512.50, 570.1, 3, 1'", to: "bin/nvidia-smi")
        var locations = GPULocations(environment: [:])
        locations.nvmlLibraries = []
        locations.environment = { [path = folder.path] in ["PATH": "\(path)/bin"] }
        var reader = GPUReader(locations: locations)
        for _ in 0..<50 {
            guard reader.read(now: .now, isCancelled: { false }).readings.count == 1 else { throw Stuck() }
        }
        report("nvidia-smi", looks + 50, readings.read { $0 })
    }

    /// Starts a poller on a clock of its own and stops it after so many looks.
    private func look(
        at library: FakeNVML,
        _ count: Int,
        _ collector: ServerMetricsCollector,
        _ readings: Monitor<Int>
    ) throws {
        let time = ManualTimeSource()
        var locations = GPULocations(environment: [:])
        locations.nvmlLibraries = [library.path]
        let poller = GPUMetricsPoller(
            GPUConfiguration(environment: [:]),
            log: Log(level: nil),
            timeSource: time,
            reader: GPUReader(locations: locations),
            calls: DriverCalls(),
            callLimit: .milliseconds(20),
            onReading: { reading in
                readings.mutate { $0 += 1 }
                collector.record(reading)
            },
            onWithdrawal: collector.withdraw(gpu:)
        )
        poller.start()
        for number in 0..<count {
            library.set(.memoryCode, of: 1, to: number % 100 < 10 ? 15 : 0)
            library.set(.hangs, of: 2, to: number % 500 == 250 ? 1 : 0)
            library.set(.energy, of: 0, to: UInt64(number % 1000 * 1000))
            guard time.waitForSleepers() else { throw Stuck() }
            time.advance(by: .seconds(5))
        }
        library.set(.hangs, of: 2, to: 0)
        guard time.waitForSleepers(), poller.stop() else { throw Stuck() }
        _ = collector.snapshot(time: collector.startTime)
    }

    private func report(_ moment: String, _ looks: Int, _ readings: Int) {
        // What ends does so on threads of others.
        _ = eventually(within: .milliseconds(500)) { false }
        let now = ProcessResources.now
        print(
            "| \(moment) | \(looks) | \(readings) | \(now.threads) | \(now.descriptors) | \(now.children) | \(now.memory) |"
        )
        fflush(nil)
    }
}
