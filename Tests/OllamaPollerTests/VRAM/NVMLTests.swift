import Foundation
import Testing

@testable import OllamaPoller

@Suite("NVML, as a real shared library", .enabled(if: FakeNVML.compiler != nil, "there is no C compiler"))
struct NVMLTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func total(_ library: FakeNVML, memoryInfo: String = "") throws -> UInt64 {
        var locations = VRAMLocations.nowhere
        locations.nvmlLibraries = [try library.build(in: folder)]
        locations.memoryInfo = try folder.write(memoryInfo, to: "meminfo")
        return try NVML.totalMemory(locations)
    }

    private let gpu: UInt64 = 24 << 30

    @Test("one GPU counts as it is")
    func one() throws {
        #expect(try total(FakeNVML(totals: [gpu])) == gpu)
    }

    @Test("several GPUs are added up")
    func several() throws {
        #expect(try total(FakeNVML(totals: [gpu, 8 << 30])) == 32 << 30)
    }

    @Test("a GPU that can't be asked is left out", arguments: [4, 15, 999] as [Int32])
    func lost(code: Int32) throws {
        #expect(try total(FakeNVML(totals: [gpu, gpu, gpu], memoryCodes: [code], handleCodes: [0, 0, code])) == gpu)
    }

    @Test("without a GPU, or with none that answers, the memory is unknown, and why")
    func none() throws {
        #expect(throws: VRAMUnknown.self) { try total(FakeNVML()) }
        let error = #expect(throws: VRAMUnknown.self) { try total(FakeNVML(totals: [gpu], memoryCodes: [15])) }
        #expect(error?.reason == "GPU 0: GPU is lost (NVML error 15)")
    }

    @Test("without a driver the memory is unknown")
    func initFails() throws {
        let error = #expect(throws: VRAMUnknown.self) { try total(FakeNVML(totals: [gpu], initCode: 9)) }
        #expect(error?.reason == "Some error (NVML error 9)")
    }

    @Test("a GPU without memory of its own has the machine's, once")
    func unified() throws {
        let memoryInfo = "MemFree: 5 kB\nMemTotal:       131072 kB\n"
        #expect(try total(FakeNVML(totals: [0, gpu], memoryCodes: [3, 3]), memoryInfo: memoryInfo) == 131_072 << 10)
        #expect(try total(FakeNVML(totals: [0]), memoryInfo: memoryInfo) == 131_072 << 10)
        #expect(throws: VRAMUnknown.self) { try total(FakeNVML(totals: [0]), memoryInfo: "MemTotal: many kB\n") }
    }

    @Test("a figure that no GPU has is left out")
    func implausible() throws {
        #expect(try total(FakeNVML(totals: [.max, gpu])) == gpu)
    }

    @Test("the library is shut down as often as it was started")
    func shutDown() throws {
        var locations = VRAMLocations.nowhere
        locations.nvmlLibraries = [try FakeNVML(totals: [gpu]).build(in: folder)]
        for _ in 0..<3 { _ = try NVML.totalMemory(locations) }
        let library = try #require(dlopen(locations.nvmlLibraries[0], RTLD_NOW))
        defer { dlclose(library) }
        typealias Count = @convention(c) () -> Int32
        #expect(unsafeBitCast(try #require(dlsym(library, "starts_left")), to: Count.self)() == 0)
    }

    @Test("a library that is missing, is none or lacks functions is passed over")
    func notALibrary() throws {
        var locations = VRAMLocations.nowhere
        let text = try folder.write("not a library", to: "broken.so")
        locations.nvmlLibraries = ["libgenai-does-not-exist.so", text, "libc.so.6"]
        #expect(throws: VRAMUnknown.self) { try NVML.totalMemory(locations) }
        locations.nvmlLibraries.append(try FakeNVML(totals: [gpu]).build(in: folder))
        #expect(try NVML.totalMemory(locations) == gpu)
    }
}
