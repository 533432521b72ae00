import Foundation
import TestSupport
import Testing

@testable import GPUPoller

@Suite(
    "Memory through NVML, as a real shared library",
    .enabled(if: FakeNVML.compiler != nil, "there is no C compiler")
)
struct NVMLTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func total(_ library: FakeNVML, memoryInfo: String = "") throws -> UInt64 {
        var locations = GPULocations.nowhere
        locations.nvmlLibraries = [library.path]
        locations.memoryInfo = try folder.write(memoryInfo, to: "meminfo")
        return try NVML.totalMemory(locations)
    }

    private func fake(_ totals: [UInt64] = []) throws -> FakeNVML {
        let library = try FakeNVML(totals.count, in: folder)
        for (gpu, total) in totals.enumerated() { library.set(.total, of: gpu, to: total) }
        return library
    }

    private let gpu: UInt64 = 24 << 30

    @Test("one GPU counts as it is, several are added up")
    func several() throws {
        #expect(try total(fake([gpu])) == gpu)
        #expect(try total(fake([gpu, 8 << 30])) == 32 << 30)
    }

    @Test("a GPU that can't be asked is left out", arguments: [4, 15, 999] as [UInt64])
    func lost(code: UInt64) throws {
        let library = try fake([gpu, gpu, gpu])
        library.set(.memoryCode, of: 0, to: code)
        library.set(.handleCode, of: 2, to: code)
        #expect(try total(library) == gpu)
    }

    @Test("without a GPU, or with none that answers, the memory is unknown, and why")
    func none() throws {
        #expect(throws: VRAMUnknown.self) { try total(fake()) }
        let library = try fake([gpu])
        library.set(.memoryCode, to: 15)
        let error = #expect(throws: VRAMUnknown.self) { try total(library) }
        #expect(error?.reason == "GPU 0: GPU is lost (NVML error 15)")
    }

    @Test("without a driver the memory is unknown")
    func initFails() throws {
        let library = try fake([gpu])
        library.set(.initCode, to: 9)
        let error = #expect(throws: VRAMUnknown.self) { try total(library) }
        #expect(error?.reason == "Some error (NVML error 9)")
    }

    @Test("a GPU without memory of its own has the machine's, once")
    func unified() throws {
        let memoryInfo = "MemFree: 5 kB\nMemTotal:       131072 kB\n"
        let two = try fake([0, gpu])
        for gpu in 0...1 { two.set(.memoryCode, of: gpu, to: 3) }
        #expect(try total(two, memoryInfo: memoryInfo) == 131_072 << 10)
        #expect(try total(fake([0]), memoryInfo: memoryInfo) == 131_072 << 10)
        #expect(throws: VRAMUnknown.self) { try total(fake([0]), memoryInfo: "MemTotal: many kB\n") }
    }

    @Test("a GPU in slices, whose own memory a container may not see, has that of its slices")
    func slices() throws {
        let library = try fake([gpu])
        library.set(.memoryCode, to: 4)
        library.set(.slices, to: 1)
        #expect(try total(library) == 10 << 30)
        library.set(.slices, to: 2)
        #expect(try total(library) == 20 << 30)
    }

    @Test("a figure that no GPU has is left out")
    func implausible() throws {
        #expect(try total(fake([.max, gpu])) == gpu)
    }

    @Test("the library is shut down as often as it was started")
    func shutDown() throws {
        let library = try fake([gpu])
        for _ in 0..<3 { _ = try total(library) }
        #expect(library.value(.starts) == 3)
        #expect(library.value(.startsLeft) == 0)
    }

    @Test("a library that is missing, is none or lacks functions is passed over")
    func notALibrary() throws {
        var locations = GPULocations.nowhere
        let text = try folder.write("not a library", to: "broken.so")
        locations.nvmlLibraries = ["libgenai-does-not-exist.so", text, "libc.so.6"]
        #expect(throws: VRAMUnknown.self) { try NVML.totalMemory(locations) }
        locations.nvmlLibraries.append(try fake([gpu]).path)
        #expect(try NVML.totalMemory(locations) == gpu)
    }
}

extension GPULocations {
    /// A machine without a GPU.
    static var nowhere: GPULocations {
        var locations = GPULocations(environment: [:])
        locations.nvmlLibraries = []
        locations.graphicsCards = "/nowhere"
        locations.memoryInfo = "/nowhere"
        return locations
    }
}
