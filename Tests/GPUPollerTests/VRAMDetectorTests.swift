import Foundation
import TestSupport
import Testing

@testable import GPUPoller

@Suite("VRAMDetector")
struct VRAMDetectorTests {
    private let folder: TemporaryFolder
    private var locations = GPULocations.nowhere

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
    }

    @Test("NVML is asked first, nvidia-smi only if it fails", .enabled(if: FakeNVML.compiler != nil))
    mutating func order() throws {
        try folder.writeScript("echo asked > \(folder.path)/asked; echo 24576", to: "nvidia-smi")
        locations.nvmlLibraries = [try FakeNVML(in: folder).path]
        #expect(detect().total == VRAMDetector.Total(bytes: 80 << 30, method: .nvml))
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

    /// A card's folder, or an APU's.
    private func writeAMD(_ card: String, vram: UInt64, gtt: UInt64, isCard: Bool = false) throws {
        try folder.write("\(vram)\n", to: "drm/\(card)/device/mem_info_vram_total")
        try folder.write("\(gtt)\n", to: "drm/\(card)/device/mem_info_gtt_total")
        if isCard { try folder.write("samsung\n", to: "drm/\(card)/device/mem_info_vram_vendor") }
    }

    @Test(
        "an APU has what is set aside for it and what it may use of the machine's memory",
        arguments: [(512 << 20, 115_964_116_992), (4 << 30, 96 << 30), (2 << 30, 14 << 30)] as [(UInt64, UInt64)]
    )
    func apu(vram: UInt64, gtt: UInt64) throws {
        try writeAMD("card1", vram: vram, gtt: gtt)
        #expect(detect().total == VRAMDetector.Total(bytes: vram + gtt, method: .amd))
    }

    @Test("a card's GTT is no memory of its own, and an APU beside a card is no place for a model")
    func apuBesideCard() throws {
        try writeAMD("card0", vram: 24 << 30, gtt: 64 << 30)
        #expect(detect().total?.bytes == 24 << 30)
        try writeAMD("card1", vram: 512 << 20, gtt: 16 << 30)
        #expect(detect().total?.bytes == 24 << 30)
        try writeAMD("card2", vram: 8 << 30, gtt: 64 << 30, isCard: true)
        #expect(detect().total?.bytes == 32 << 30)
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
