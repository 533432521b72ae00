import Foundation
import TestSupport
import Testing

@testable import GPUPoller

@Suite("GPUMetricsPoller", .blocking)
struct GPUMetricsPollerTests {
    /// A poller on a clock that the test moves, and what it passes on.
    private final class Setting: Sendable {
        struct Passed: Sendable {
            var readings: [GPUReading] = []
            var withdrawn: [String] = []
        }

        let passed = Monitor(Passed())
        let log = LogRecorder()
        let time = ManualTimeSource()
        let poller: GPUMetricsPoller

        init(_ locations: GPULocations, callLimit: Duration = .seconds(30), interval: Duration = .seconds(5)) {
            var configuration = GPUConfiguration(environment: [:])
            configuration.interval = interval
            poller = GPUMetricsPoller(
                configuration,
                log: log.log(),
                timeSource: time,
                reader: GPUReader(locations: locations, processLimit: .seconds(30)),
                calls: DriverCalls(),
                callLimit: callLimit,
                onReading: { [passed] reading in passed.mutate { $0.readings.append(reading) } },
                onWithdrawal: { [passed] id in passed.mutate { $0.withdrawn.append(id) } }
            )
        }

        convenience init(_ library: FakeNVML, callLimit: Duration = .seconds(30)) {
            var locations = GPULocations.nowhere
            locations.nvmlLibraries = [library.path]
            self.init(locations, callLimit: callLimit)
        }

        deinit { poller.stop() }

        var readings: [GPUReading] { passed.read { $0.readings } }
        var withdrawn: [String] { passed.read { $0.withdrawn } }
        var warnings: [String] { log.lines(.warning) }

        /// Waits for so many readings in all.
        func waitForReadings(_ count: Int) -> Bool {
            passed.wait(until: .now + .seconds(30)) { $0.readings.count >= count ? true : nil } ?? false
        }

        /// Lets an interval pass and the look that follows end.
        func nextLook(after interval: Duration = .seconds(5)) {
            #expect(time.waitForSleepers())
            time.advance(by: interval)
            #expect(time.waitForSleepers())
        }
    }

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static let hasCompiler: ConditionTrait = .enabled(if: FakeNVML.compiler != nil, "there is no C compiler")

    @Test("each GPU at once and at each interval, until the stop; it can be started again", hasCompiler)
    func life() throws {
        let library = try FakeNVML(2, in: folder)
        let setting = Setting(library)
        #expect(!setting.poller.isRunning)
        setting.poller.start()
        #expect(setting.waitForReadings(2))
        setting.nextLook()
        #expect(setting.readings.map(\.id) == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"])
        #expect(setting.log.lines(.info) == [#"Found 2 GPUs "Fake H100" ("GPU-0"), "Fake H100" ("GPU-1")"#])
        #expect(threadNames().contains("genai-gpus"))
        #expect(setting.poller.stop())
        #expect(!setting.poller.isRunning)
        #expect(library.value(.startsLeft) == 0, "the driver is let go of")
        setting.poller.start()
        #expect(setting.waitForReadings(6))
        #expect(setting.poller.stop())
        #expect(setting.withdrawn.isEmpty, "a stop withdraws nothing")
        #expect(setting.warnings.isEmpty)
    }

    @Test("without a GPU nothing is passed on and nothing is said above debug")
    func silent() {
        let setting = Setting(.nowhere)
        setting.poller.start()
        setting.nextLook()
        setting.nextLook(after: .seconds(60))
        #expect(setting.poller.stop())
        #expect(setting.readings.isEmpty && setting.withdrawn.isEmpty)
        #expect(setting.log.lines.allSatisfy { $0.level == .debug })
    }

    @Test("a GPU that is lost is withdrawn and said to be lost once; it is back when it is", hasCompiler)
    func lost() throws {
        let library = try FakeNVML(2, in: folder)
        let setting = Setting(library)
        setting.poller.start()
        #expect(setting.waitForReadings(2))
        library.set(.memoryCode, of: 1, to: 15)
        for _ in 0..<5 { setting.nextLook() }
        #expect(setting.withdrawn == ["GPU-1"])
        #expect(
            setting.warnings == [
                #"Lost GPU "Fake H100" ("GPU-1"): "GPU is lost (NVML error 15)"; there are no metrics until it is back"#
            ]
        )
        library.set(.memoryCode, of: 1, to: 0)
        setting.nextLook(after: .seconds(60))
        #expect(setting.readings.last?.id == "GPU-1")
        #expect(setting.log.lines(.info).last == #"Back: GPU "Fake H100" ("GPU-1")"#)
        #expect(setting.warnings.count == 1)
        library.set(.memoryCode, of: 1, to: 15)
        setting.nextLook()
        #expect(setting.warnings.count == 2)
    }

    @Test("slices that are removed are gone, not lost", hasCompiler)
    func slices() throws {
        let library = try FakeNVML(1, in: folder)
        library.set(.slices, to: 2)
        let setting = Setting(library)
        setting.poller.start()
        #expect(setting.waitForReadings(3))
        library.set(.slices, to: 1)
        setting.nextLook(after: .seconds(60))
        #expect(setting.withdrawn == [FakeNVML.uuid(ofSlice: 1)])
        #expect(setting.warnings.isEmpty)
    }

    @Test(
        "a driver that hangs: its GPUs are gone, nobody waits for it, one thread is held; then all goes on",
        hasCompiler
    )
    func hang() throws {
        let library = try FakeNVML(1, in: folder)
        let setting = Setting(library, callLimit: .milliseconds(200))
        setting.poller.start()
        #expect(setting.waitForReadings(1))
        library.set(.hangs, to: 1)
        for _ in 0..<3 { setting.nextLook() }
        #expect(setting.withdrawn == ["GPU-0"])
        #expect(setting.warnings == ["The GPU driver does not answer; GPU metrics pause until it does"])
        let calls = library.value(.calls)
        setting.nextLook()
        #expect(library.value(.calls) == calls, "it is not called again while a call hangs")
        library.set(.hangs, to: 0)
        let isBack = eventually {
            setting.nextLook()
            return setting.readings.count > 1
        }
        #expect(isBack)
        #expect(setting.log.lines(.info).contains { $0.hasPrefix("The GPU driver answers again") })
    }

    @Test("a stop while the driver hangs takes no longer than a moment, and says that a thread is left", hasCompiler)
    func stopWhileHanging() throws {
        let library = try FakeNVML(1, in: folder)
        library.set(.hangs, to: 1)
        let setting = Setting(library)
        setting.poller.start()
        #expect(eventually { library.value(.calls) > 0 })
        let start = ContinuousClock.now
        #expect(!setting.poller.stop(timeout: .seconds(20)))
        #expect(start.duration(to: .now) < .seconds(5))
        #expect(setting.poller.isRunning)
        for _ in 0..<3 {
            setting.poller.start()
            setting.poller.stop(timeout: .milliseconds(20))
        }
        #expect(library.value(.calls) == 1, "one call is all that ever hangs")
        library.set(.hangs, to: 0)
        #expect(eventually { !setting.poller.isRunning })
        #expect(library.value(.startsLeft) == 0, "whoever returns late cleans up")
        #expect(setting.readings.isEmpty)
    }

    @Test("an nvidia-smi that hangs is ended by a stop, and reaped")
    func stopWhileToolHangs() throws {
        try folder.writeScript("echo $$ > \(folder.path)/id; exec /bin/sleep 1000", to: "nvidia-smi")
        var locations = GPULocations.nowhere
        locations.environment = { [path = folder.path] in ["PATH": path] }
        let setting = Setting(locations)
        setting.poller.start()
        #expect(eventually { folder.text("id")?.hasSuffix("\n") == true })
        let id = try #require(folder.text("id").flatMap { pid_t($0.trimmingCharacters(in: .newlines)) })
        #expect(setting.poller.stop())
        #expect(kill(id, 0) == -1 && errno == ESRCH)
    }

    @Test("an interval that is none is replaced, and unusable variables are told, once")
    func configuration() {
        let configuration = GPUConfiguration(environment: ["GENAI_GPU_COLLECTION_INTERVAL": "often"])
        #expect(configuration.interval == .seconds(5))
        #expect(configuration.warnings.count == 1)
        #expect(GPUConfiguration(environment: ["GENAI_GPU_COLLECTION_INTERVAL": "0.5"]).interval == .seconds(0.5))
        let setting = Setting(.nowhere, interval: .zero)
        setting.poller.start()
        #expect(setting.time.waitForSleepers())
        #expect(setting.time.timeUntilNextDeadline == .seconds(5))
        setting.poller.stop()
        setting.poller.start()
        #expect(setting.warnings == ["GPUs: the interval must be more than 0; using 5 seconds"])
    }
}
