import Foundation
import TestSupport
import Testing

/// Whole processes that find the library as they would find NVIDIA's.
@Suite("GPUs of a process", .enabled(if: FakeNVML.compiler != nil, "there is no C compiler"), .blocking)
struct GPUTests {
    private let folder: TestSupport.TemporaryFolder

    init() throws {
        folder = try TestSupport.TemporaryFolder()
    }

    @Test("they are on its page by themselves; one that is lost is not, while the others go on")
    func page() throws {
        let library = try FakeNVML(2, in: folder)
        let probe = try TrafficProbe(gpus: library)
        defer { probe.stop() }
        func lines(_ metric: String) -> [String] {
            guard let answer = try? loopbackRequest("GET", "http://\(probe.target)/metrics") else { return [] }
            return String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map(String.init)
                .filter { $0.hasPrefix("\(metric){") }
        }
        #expect(eventually { lines("hw_power").count == 2 })
        #expect(
            lines("hw_gpu_utilization").first
                == #"hw_gpu_utilization{hw_id="GPU-0",hw_name="Fake H100",hw_vendor="NVIDIA",hw_driver_version="570.1","#
                + #"hw_gpu_index="0",hw_gpu_task="general"} 0.5"#
        )
        library.set(.memoryCode, of: 0, to: 15)
        #expect(eventually { lines("hw_power").count == 1 })
        #expect(lines("hw_energy_total").count == 1)
    }

    @Test("a driver that hangs does not keep it from ending, with its last export")
    func hang() throws {
        let library = try FakeNVML(1, in: folder)
        library.set(.hangs, to: 1)
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let probe = try TrafficProbe(exportingTo: server.url, gpus: library)
        #expect(eventually { library.value(.calls) > 0 })
        let start = ContinuousClock.now
        kill(probe.process.pid, SIGTERM)
        #expect(probe.process.waitForEnd(.seconds(30)))
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(probe.process.exitStatus == 0)
        #expect(!server.requests.isEmpty)
    }
}
