import Foundation
import TestSupport
import Testing

@testable import GPUPoller

@Suite("GPUs, read from real libraries, programs and files")
struct GPUReaderTests {
    private let folder: TemporaryFolder
    private let start = ContinuousClock.now

    init() throws {
        folder = try TemporaryFolder()
    }

    private func reader(_ change: (inout GPULocations) throws -> Void) rethrows -> GPUReader {
        var locations = GPULocations.nowhere
        try change(&locations)
        return GPUReader(locations: locations, processLimit: .seconds(30))
    }

    private func reader(_ library: FakeNVML) -> GPUReader { reader { $0.nvmlLibraries = [library.path] } }

    private func read(_ reader: inout GPUReader, after duration: Duration = .zero) -> GPUReader.Scan {
        reader.read(now: start + duration) { false }
    }

    private static let hasCompiler: ConditionTrait = .enabled(if: FakeNVML.compiler != nil, "there is no C compiler")

    // MARK: NVML

    @Test("two GPUs with all their figures", hasCompiler)
    func two() throws {
        let library = try FakeNVML(2, in: folder)
        library.set(.utilization, of: 1, to: 97)
        library.set(.corrected, of: 1, to: 5)
        library.set(.uncorrected, of: 1, to: 2)
        var reader = reader(library)
        let scan = read(&reader)
        #expect(scan.losses.isEmpty && scan.failures.isEmpty)
        try #require(scan.readings.count == 2)
        var expected = GPUReading(id: "GPU-1", name: "Fake H100", vendor: "NVIDIA", driverVersion: "570.1", index: 1)
        expected.utilization = 0.97
        expected.memoryLimit = 80 << 30
        expected.memoryUsage = 20 << 30
        expected.memoryUtilization = 0.25
        expected.temperature = 60
        expected.power = 300
        expected.energy = 1000
        expected.correctedErrors = 5
        expected.uncorrectedErrors = 2
        #expect(scan.readings[1] == expected)
        #expect(scan.readings[0].id == "GPU-0" && scan.readings[0].utilization == 0.5)
        reader.close()
        #expect(library.value(.startsLeft) == 0)
        #expect(read(&reader).readings.count == 2, "after closing it begins anew")
        reader.close()
    }

    @Test("a GPU in slices: the memory is theirs, the rest is the GPU's; slices come and go", hasCompiler)
    func slices() throws {
        let library = try FakeNVML(1, in: folder)
        library.set(.slices, to: 2)
        for code in [.memoryCode, .utilizationCode] as [FakeNVML.Slot] { library.set(code, to: 4) }
        for slice in 0...1 { library.set(.utilizationCode, ofSlice: slice, to: 3) }
        library.set(.used, ofSlice: 1, to: 5 << 30)
        var reader = reader(library)
        defer { reader.close() }
        let readings = read(&reader).readings
        #expect(readings.map(\.id) == ["GPU-0", FakeNVML.uuid(ofSlice: 0), FakeNVML.uuid(ofSlice: 1)])
        #expect(readings.map(\.parent) == [nil, "GPU-0", "GPU-0"])
        #expect(readings.map(\.index) == [0, 0, 0])
        #expect(readings.map(\.memoryLimit) == [nil, 10 << 30, 10 << 30])
        #expect(readings.map(\.memoryUtilization) == [nil, 0, 0.5])
        #expect(readings.map(\.power) == [300, nil, nil])
        #expect(readings.map(\.utilization) == [nil, nil, nil])
        library.set(.slices, to: 1)
        #expect(read(&reader, after: .seconds(45)).readings.count == 2)
        library.set(.slices, to: 0)
        library.set(.memoryCode, to: 0)
        let whole = read(&reader, after: .seconds(90)).readings
        #expect(whole.map(\.memoryLimit) == [80 << 30])
    }

    @Test("a GPU that shares the machine's memory, by either sign", hasCompiler, arguments: [0, 3] as [UInt64])
    func unified(code: UInt64) throws {
        let library = try FakeNVML(1, in: folder)
        library.set(.memoryCode, to: code)
        library.set(.total, to: 0)
        library.set(.used, to: 0)
        let memory = try folder.write("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\n", to: "meminfo")
        var reader = reader { locations in
            locations.nvmlLibraries = [library.path]
            locations.memoryInfo = memory
        }
        defer { reader.close() }
        let reading = try #require(read(&reader).readings.first)
        #expect(reading.memoryLimit == 1000 << 10)
        #expect(reading.memoryUsage == 600 << 10)
        #expect(reading.memoryUtilization == 0.6)
        #expect(reading.utilization == 0.5)
        try folder.write("MemTotal: 1000 kB\n", to: "meminfo")
        let bare = try #require(read(&reader).readings.first)
        #expect(bare.memoryLimit == 1000 << 10)
        #expect(bare.memoryUsage == nil && bare.memoryUtilization == nil)
    }

    @Test("one that is lost in mid-run, and is found by a library that is started anew within a minute", hasCompiler)
    func lost() throws {
        let library = try FakeNVML(2, in: folder)
        var reader = reader(library)
        defer { reader.close() }
        #expect(read(&reader).readings.count == 2)
        library.set(.utilizationCode, of: 1, to: 15)
        for seconds in [5, 10, 15] {
            let scan = read(&reader, after: .seconds(seconds))
            #expect(scan.readings.map(\.id) == ["GPU-0"], "nothing of it, though its memory can be read")
            #expect(scan.losses == ["GPU-1": "GPU is lost (NVML error 15)"])
        }
        #expect(library.value(.starts) == 1)
        // Its handle is lost too now; then it is back, which only a new start would show.
        library.set(.handleCode, of: 1, to: 15)
        #expect(read(&reader, after: .seconds(45)).readings.map(\.id) == ["GPU-0"])
        #expect(library.value(.starts) == 2)
        library.set(.handleCode, of: 1, to: 0)
        library.set(.utilizationCode, of: 1, to: 0)
        #expect(read(&reader, after: .seconds(90)).readings.map(\.id) == ["GPU-0", "GPU-1"])
        #expect(library.value(.starts) == 3)
        _ = read(&reader, after: .seconds(200))
        #expect(library.value(.starts) == 3, "a healthy library stays started")
        #expect(library.value(.startsLeft) == 1)
    }

    @Test("a driver that is unloaded, and one that comes back, within a minute", hasCompiler)
    func driverUnloaded() throws {
        let library = try FakeNVML(2, in: folder)
        var reader = reader(library)
        defer { reader.close() }
        _ = read(&reader)
        for code in [.memoryCode, .handleCode] as [FakeNVML.Slot] {
            for gpu in 0...1 { library.set(code, of: gpu, to: 9) }
        }
        library.set(.initCode, to: 9)
        let scan = read(&reader, after: .seconds(5))
        #expect(scan.readings.isEmpty && scan.losses.count == 2)
        #expect(read(&reader, after: .seconds(45)).readings.isEmpty)
        #expect(library.value(.startsLeft) == 0, "a library that holds it would keep the driver from being loaded")
        for code in [.memoryCode, .handleCode] as [FakeNVML.Slot] {
            for gpu in 0...1 { library.set(code, of: gpu, to: 0) }
        }
        library.set(.initCode, to: 0)
        let waits = stride(from: 50, through: 110, by: 5).first { !read(&reader, after: .seconds($0)).readings.isEmpty }
        #expect(waits == 90, "45 seconds after the last attempt")
    }

    @Test("an old card without energy or ECC, and one that refuses: the rest goes on", hasCompiler)
    func missingFigures() throws {
        let library = try FakeNVML(3, in: folder)
        library.set(.energyCode, of: 0, to: 3)
        library.set(.errorsCode, of: 0, to: 3)
        library.set(.powerCode, of: 1, to: 4)
        library.set(.memoryCode, of: 1, to: 4)
        // What nobody knows the meaning of costs one figure, too.
        library.set(.temperatureCode, of: 2, to: 999)
        library.set(.uuidCode, of: 2, to: 4)
        library.set(.nameCode, of: 2, to: 4)
        var reader = reader(library)
        defer { reader.close() }
        let readings = read(&reader).readings
        try #require(readings.count == 3)
        #expect(readings[0].energy == nil && readings[0].correctedErrors == nil && readings[0].power == 300)
        #expect(readings[1].power == nil && readings[1].memoryLimit == nil && readings[1].energy == 1000)
        #expect(readings[2].temperature == nil && readings[2].energy == 1000)
        #expect(readings[2].id == "nvidia-2" && readings[2].name == nil)
    }

    @Test(
        "one of which nothing can be read, for a reason that is none, is lost; one that refuses all is there",
        hasCompiler
    )
    func nothing() throws {
        let library = try FakeNVML(2, in: folder)
        let codes: [FakeNVML.Slot] = [
            .memoryCode, .utilizationCode, .temperatureCode, .powerCode, .energyCode, .errorsCode,
        ]
        for code in codes {
            library.set(code, of: 0, to: 999)
            library.set(code, of: 1, to: 4)
        }
        var reader = reader(library)
        defer { reader.close() }
        let scan = read(&reader)
        #expect(scan.losses.keys.sorted() == ["GPU-0"])
        #expect(scan.readings.map(\.id) == ["GPU-1"])
    }

    @Test("values that are nonsense are none", hasCompiler)
    func nonsense() throws {
        let library = try FakeNVML(2, in: folder)
        let slots: [FakeNVML.Slot] = [
            .total, .used, .utilization, .temperature, .power, .energy, .corrected, .uncorrected,
        ]
        for slot in slots { library.set(slot, of: 0, to: .max) }
        library.set(.used, of: 1, to: 81 << 30)
        var reader = reader(library)
        defer { reader.close() }
        let readings = read(&reader).readings
        let bare = GPUReading(id: "GPU-0", name: "Fake H100", vendor: "NVIDIA", driverVersion: "570.1", index: 0)
        #expect(readings[0] == bare)
        #expect(readings[1].memoryLimit == 80 << 30)
        #expect(readings[1].memoryUsage == nil && readings[1].memoryUtilization == nil, "more than there is")
        library.set(.count, to: Int(UInt32.max))
        #expect(!read(&reader, after: .seconds(45)).readings.isEmpty, "a count that is nonsense ends in time")
    }

    @Test("a library that lacks functions lacks figures", hasCompiler)
    func oldLibrary() throws {
        let omitted = [
            "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetUUID",
            "nvmlDeviceGetName",
            "nvmlDeviceGetMaxMigDeviceCount", "nvmlSystemGetDriverVersion", "nvmlErrorString",
        ]
        let library = try FakeNVML(1, omitting: omitted, in: folder)
        var reader = reader(library)
        defer { reader.close() }
        let reading = try #require(read(&reader).readings.first)
        #expect(reading.id == "nvidia-0" && reading.name == nil && reading.driverVersion == nil)
        #expect(reading.energy == nil && reading.correctedErrors == nil)
        #expect(reading.utilization == 0.5 && reading.power == 300)
    }

    // MARK: nvidia-smi

    private static let line = "GPU-0, NVIDIA H100, 97, 40960, 81920, 61, 512.50, 570.1, 3, 1"

    /// An nvidia-smi that prints a file's text, and counts how often it was started.
    private func writeTool(printing line: String = GPUReaderTests.line) throws -> GPULocations {
        try folder.write("\(line)\n", to: "output")
        try folder.writeScript(
            "echo >> \(folder.path)/starts; while read l; do echo \"$l\"; done < \(folder.path)/output",
            to: "nvidia-smi"
        )
        var locations = GPULocations.nowhere
        locations.environment = { [path = folder.path] in ["PATH": path] }
        return locations
    }

    private var starts: Int { folder.text("starts")?.count ?? 0 }

    @Test(
        "without the library the program is asked, once each time; the library is preferred once it is there",
        hasCompiler
    )
    func fallback() throws {
        var locations = try writeTool()
        let library = try FakeNVML(1, in: folder)
        library.set(.initCode, to: 9)
        locations.nvmlLibraries = [library.path]
        var reader = GPUReader(locations: locations, processLimit: .seconds(30))
        defer { reader.close() }
        for number in 0..<3 {
            let readings = read(&reader, after: .seconds(5 * number)).readings
            #expect(readings.map(\.id) == ["GPU-0"])
            #expect(readings.first?.power == 512.5)
            #expect(starts == number + 1)
        }
        library.set(.initCode, to: 0)
        let readings = read(&reader, after: .seconds(45)).readings
        #expect(readings.first?.power == 300, "the same GPU, through the library")
        #expect(starts == 3)
    }

    @Test("a program that finds no GPU is asked again after 45 seconds, not each time")
    func failingTool() throws {
        let locations = try writeTool(printing: "No devices were found")
        var reader = GPUReader(locations: locations, processLimit: .seconds(30))
        for seconds in [0, 5, 40, 44] { #expect(read(&reader, after: .seconds(seconds)).readings.isEmpty) }
        #expect(starts == 1)
        try folder.write("\(Self.line)\n", to: "output")
        #expect(read(&reader, after: .seconds(45)).readings.count == 1)
        #expect(starts == 2)
    }

    // MARK: AMD

    private func writeAMD(_ card: String, _ files: [String: String]) throws {
        for (name, text) in files { try folder.write("\(text)\n", to: "drm/\(card)/device/\(name)") }
    }

    private let card = [
        "mem_info_vram_total": "17163091968", "mem_info_vram_used": "8581545984", "mem_info_gtt_total": "33554432000",
        "mem_info_gtt_used": "1000", "mem_info_vram_vendor": "samsung", "gpu_busy_percent": "42",
        "unique_id": "f3a4b5c6d7e80912", "product_name": "Radeon RX 7900",
        "hwmon/hwmon3/temp1_input": "55000", "hwmon/hwmon3/power1_average": "120000000",
        "hwmon/hwmon3/energy1_input": "5000000",
    ]
    private let apu = [
        "mem_info_vram_total": "536870912", "mem_info_vram_used": "268435456", "mem_info_gtt_total": "8053063680",
        "mem_info_gtt_used": "4026531840", "gpu_busy_percent": "7", "hwmon/hwmon1/temp1_input": "-5000",
        "hwmon/hwmon1/power1_input": "15000000",
    ]

    private func readAMD() -> [GPUReading] {
        var reader = reader { $0.graphicsCards = "\(folder.path)/drm" }
        return read(&reader).readings
    }

    @Test("AMD: a card has its own memory")
    func amdCard() throws {
        try writeAMD("card1", card)
        try folder.write("", to: "drm/card1-DP-1/status")
        try folder.write("0x1a03", to: "drm/card0/device/vendor")
        var expected = GPUReading(id: "AMD-f3a4b5c6d7e80912", name: "Radeon RX 7900", vendor: "AMD", index: 0)
        expected.memoryLimit = 17_163_091_968
        expected.memoryUsage = 8_581_545_984
        expected.memoryUtilization = 0.5
        expected.utilization = 0.42
        expected.temperature = 55
        expected.power = 120
        expected.energy = 5
        #expect(readAMD() == [expected])
    }

    @Test("AMD: an APU has its part of the machine's; it has no id but its place on the bus")
    func amdAPU() throws {
        for (name, text) in apu { try folder.write("\(text)\n", to: "pci0000/0000:c5:00.0/\(name)") }
        try folder.createFolder(of: "\(folder.path)/drm/card1/device")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/drm/card1/device",
            withDestinationPath: "../../pci0000/0000:c5:00.0"
        )
        var expected = GPUReading(id: "0000:c5:00.0", vendor: "AMD", index: 0)
        expected.memoryLimit = 536_870_912 + 8_053_063_680
        expected.memoryUsage = 268_435_456 + 4_026_531_840
        expected.memoryUtilization = 0.5
        expected.utilization = 0.07
        expected.temperature = -5
        expected.power = 15
        #expect(readAMD() == [expected])
    }

    @Test("AMD: both, in the order of their numbers; files that make no sense are left out")
    func amdBoth() throws {
        try writeAMD("card10", card)
        try writeAMD("card2", apu.merging(["gpu_busy_percent": "busy", "mem_info_gtt_used": "99999999999999"]) { $1 })
        let readings = readAMD()
        #expect(readings.map(\.id) == ["card2", "AMD-f3a4b5c6d7e80912"])
        #expect(readings.map(\.index) == [0, 1])
        #expect(readings[0].utilization == nil && readings[0].memoryUsage == nil && readings[0].temperature == -5)
    }

    @Test("a machine without a GPU: nothing")
    func none() {
        var reader = reader { _ in }
        let scan = read(&reader)
        #expect(scan.readings.isEmpty && scan.losses.isEmpty)
        #expect(scan.failures.count == 2)
        #expect(read(&reader, after: .seconds(5)).failures.isEmpty)
    }
}
