import Foundation
import GPUPoller
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("What 100 % stands for")
struct GPUMemoryTests {
    private let folder: TemporaryFolder
    private let log = LogRecorder()
    private let time = ManualTimeSource()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func memory(configured: Double? = nil, isLocal: Bool = true) -> GPUMemory {
        var locations = GPULocations.nowhere
        locations.graphicsCards = folder.path
        return GPUMemory(
            configured: configured,
            isLocal: isLocal,
            detector: VRAMDetector(locations: locations),
            calls: DriverCalls(),
            log: log.log(),
            timeSource: time
        )
    }

    private func total(_ memory: GPUMemory, isUsed: Bool = true) -> Int {
        Int(memory.total(isUsed: isUsed, cancellation: Cancellation())) / gibibyte
    }

    private func plugIn(gigabytes: Int) throws {
        try folder.write("\(gigabytes * gibibyte)\n", to: "card0/device/mem_info_vram_total")
    }

    @Test("what is configured; nothing is probed then")
    func configured() throws {
        try plugIn(gigabytes: 24)
        #expect(total(memory(configured: Double(16 * gibibyte))) == 16)
        #expect(log.lines.isEmpty)
    }

    @Test("what is detected, once")
    func detected() throws {
        try plugIn(gigabytes: 24)
        let memory = memory()
        #expect(total(memory) == 24)
        #expect(log.lines(.info) == ["Auto-detected GPU VRAM: 24.0GB"])
        try plugIn(gigabytes: 48)
        time.advance(by: .seconds(3600))
        #expect(total(memory) == 24)
        #expect(log.lines(.info).count == 1)
    }

    @Test("for an Ollama elsewhere an assumption: this machine's GPUs say nothing about it")
    func remote() throws {
        try plugIn(gigabytes: 24)
        #expect(total(memory(isLocal: false)) == 8)
    }

    @Test("where nothing is found an assumption, and another look once a minute")
    func retry() throws {
        let memory = memory()
        #expect(total(memory) == 8)
        #expect(GPUMemory.assumed == Double(8 << 30))
        try plugIn(gigabytes: 24)
        time.advance(by: .seconds(59))
        #expect(total(memory) == 8)
        time.advance(by: .seconds(1))
        #expect(total(memory, isUsed: false) == 8, "nothing on a GPU: no reason to look")
        #expect(total(memory) == 24)
        #expect(
            log.lines(.info) == [
                "GPU VRAM not detected, using heuristic-based percentages", "Auto-detected GPU VRAM: 24.0GB",
            ]
        )
    }

    @Test("a failure that goes on is told once")
    func failing() {
        let memory = memory()
        for _ in 0..<5 {
            #expect(total(memory) == 8)
            time.advance(by: .seconds(60))
        }
        #expect(log.lines(.info) == ["GPU VRAM not detected, using heuristic-based percentages"])
        #expect(log.lines(.debug).contains { $0.contains("nvidia-smi: not on the PATH") })
    }

    @Test("a detection that was called off says nothing and is made up for")
    func cancelled() throws {
        try plugIn(gigabytes: 24)
        let memory = memory()
        let cancellation = Cancellation()
        cancellation.cancel()
        _ = memory.total(isUsed: true, cancellation: cancellation)
        #expect(log.lines.isEmpty)
        #expect(total(memory) == 24)
    }
}
