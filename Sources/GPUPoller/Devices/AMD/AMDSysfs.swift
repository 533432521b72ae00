// AMD GPUs, from files of the Linux driver amdgpu.

import GenAISupport

enum AMDSysfs {
    /// The memory of all AMD GPUs in bytes. A GPU in the processor (APU) has its part of the machine's memory. Beside a card it
    /// does not count, because no model is put there then.
    static func totalMemory(_ locations: GPULocations) throws(VRAMUnknown) -> UInt64 {
        var (cards, integrated) = (VRAMSum(), VRAMSum())
        for gpu in gpus(locations) {
            if gpu.isIntegrated { integrated.add(gpu.memoryLimit) } else { cards.add(gpu.memoryLimit) }
        }
        if !cards.isEmpty { integrated = cards }
        return try integrated.total(orUnknown: "no GPU in \(locations.graphicsCards)")
    }

    /// All AMD GPUs and their figures.
    static func read(_ locations: GPULocations) -> [GPUReading] {
        gpus(locations).enumerated().map { $1.reading(index: $0) }
    }

    /// In the order of their numbers.
    private static func gpus(_ locations: GPULocations) -> [AMDGPU] {
        SmallFile.names(inFolder: locations.graphicsCards)
            .compactMap(number)
            .sorted()
            .compactMap { AMDGPU("\(locations.graphicsCards)/card\($0)/device", name: "card\($0)") }
    }

    /// `card0`, but not `card0-DP-1`: the folder also lists connectors, which lead to the same device.
    private static func number(_ name: String) -> Int? {
        name.hasPrefix("card") ? Int(digits: name.dropFirst(4)) : nil
    }
}

/// A folder of amdgpu's files.
private struct AMDGPU {
    private let folder: String
    private let name: String
    /// In bytes.
    private let vram: UInt64
    private let gtt: UInt64
    /// Whether it is a part of the processor (APU).
    let isIntegrated: Bool

    /// Nil if the folder is not that of an AMD GPU, or does not tell its memory.
    init?(_ folder: String, name: String) {
        guard let vram = Self.number("\(folder)/mem_info_vram_total"), vram > 0 else { return nil }
        self.folder = folder
        self.name = name
        self.vram = vram
        gtt = Self.number("\(folder)/mem_info_gtt_total") ?? 0
        // The driver has these two files for cards only. If they are missing, the memory decides. An APU has a small memory of
        // its own, set aside in the BIOS, and uses mostly GTT: the machine's memory that a GPU may address. A card has GTT too,
        // as a rule half of the machine's memory.
        let isCard = ["mem_info_vram_vendor", "mem_busy_percent"].contains { SmallFile.exists("\(folder)/\($0)") }
        isIntegrated = !isCard && vram < Self.smallestCard && gtt / 2 >= vram
    }

    /// In bytes. An APU with more memory set aside counts as a card with that memory.
    private static let smallestCard: UInt64 = 16 << 30

    var memoryLimit: UInt64 { isIntegrated ? vram.addingSaturated(gtt) : vram }

    private var memoryUsage: UInt64? {
        guard let used = number("mem_info_vram_used") else { return nil }
        guard isIntegrated else { return used }
        return number("mem_info_gtt_used").map { used.addingSaturated($0) }
    }

    func reading(index: Int) -> GPUReading {
        var reading = GPUReading(
            id: text("unique_id").map { "AMD-\($0)" } ?? SmallFile.linkTarget(folder) ?? name,
            name: text("product_name"),
            vendor: "AMD",
            driverVersion: text("driver/module/version"),
            index: index
        )
        reading.setMemory(used: memoryUsage.map { Double($0) }, of: Double(memoryLimit))
        reading[.utilization] = number("gpu_busy_percent").map { Double($0) / 100 }
        for sensors in SmallFile.names(inFolder: "\(folder)/hwmon").sorted() where sensors.hasPrefix("hwmon") {
            let sensors = "hwmon/\(sensors)"
            reading[.temperature] = reading[.temperature] ?? signed("\(sensors)/temp1_input").map { $0 / 1e3 }
            let power = number("\(sensors)/power1_average") ?? number("\(sensors)/power1_input")
            reading[.power] = reading[.power] ?? power.map { Double($0) / 1e6 }
            reading[.energy] = reading[.energy] ?? number("\(sensors)/energy1_input").map { Double($0) / 1e6 }
        }
        return reading
    }

    private func number(_ file: String) -> UInt64? { Self.number("\(folder)/\(file)") }

    private static func number(_ file: String) -> UInt64? {
        SmallFile.text(file).flatMap { Int(digits: $0.prefix { $0.isNumber }) }.map(UInt64.init)
    }

    private func signed(_ file: String) -> Double? {
        guard let text = text(file) else { return nil }
        let isNegative = text.hasPrefix("-")
        return Int(digits: text.dropFirst(isNegative ? 1 : 0)).map { isNegative ? -Double($0) : Double($0) }
    }

    private func text(_ file: String) -> String? {
        guard let text = SmallFile.text("\(folder)/\(file)") else { return nil }
        let line = text.prefix { !$0.isNewline }
        return line.isEmpty ? nil : String(line)
    }
}
