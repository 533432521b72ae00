import Foundation
import Testing

@testable import OllamaPoller

@Suite("VRAMDetector")
struct VRAMDetectorTests {
    private let folder: TemporaryFolder
    private var locations = VRAMLocations.nowhere

    init() throws {
        folder = try TemporaryFolder()
        locations.environment = { [path = folder.path] in ["PATH": path] }
        locations.graphicsCards = "\(folder.path)/drm"
    }

    private func detect() -> VRAMDetector.Finding {
        var detector = VRAMDetector(locations: locations)
        return detector.detect { false }
    }

    @Test("a machine without a GPU: nothing is found, and every method says why")
    func nothing() {
        let finding = detect()
        #expect(finding.total == nil)
        #expect(finding.failures.count == 4)
        #expect(GPUMemory.assumed == Double(8 << 30))
    }

    @Test("NVML is asked first, nvidia-smi only if it fails", .enabled(if: FakeNVML.compiler != nil))
    mutating func order() throws {
        try folder.writeScript("echo asked > \(folder.path)/asked; echo 24576", to: "nvidia-smi")
        locations.nvmlLibraries = [try FakeNVML(totals: [16 << 30]).build(in: folder)]
        #expect(detect().total == VRAMDetector.Total(bytes: 16 << 30, method: .nvml))
        #expect(folder.text("asked") == nil)

        locations.nvmlLibraries = []
        let finding = detect()
        #expect(finding.total == VRAMDetector.Total(bytes: 24 << 30, method: .nvidiaSMI))
        #expect(finding.failures.count == 1)
        #expect(folder.text("asked") != nil)
    }

    @Test("the cards of AMD are added up; connectors and other files are no cards")
    func amd() throws {
        try folder.write("17163091968\n", to: "drm/card0/device/mem_info_vram_total")
        try folder.write("8589934592\n", to: "drm/card12/device/mem_info_vram_total")
        try folder.write("17163091968\n", to: "drm/card0-DP-1/device/mem_info_vram_total")
        try folder.write("17163091968\n", to: "drm/renderD128/device/mem_info_vram_total")
        try folder.write("many\n", to: "drm/card2/device/mem_info_vram_total")
        try folder.write("", to: "drm/card3/device/vendor")
        #expect(detect().total == VRAMDetector.Total(bytes: 17_163_091_968 + 8_589_934_592, method: .amd))
    }

    @Test("a detection that is called off asks nobody")
    func cancelled() throws {
        try folder.writeScript("echo asked > \(folder.path)/asked", to: "nvidia-smi")
        var detector = VRAMDetector(locations: locations)
        #expect(detector.detect { true } == VRAMDetector.Finding())
        #expect(folder.text("asked") == nil)
    }

    @Test("nvidia-smi may take five seconds")
    func limit() {
        #expect(VRAMDetector.processLimit == .seconds(5))
    }
}
