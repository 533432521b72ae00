// GPU memory of AMD cards, from files of the Linux driver amdgpu.

import GenAISupport

enum AMDSysfs {
    /// The memory of all AMD GPUs in bytes.
    static func totalMemory(_ locations: VRAMLocations) throws(VRAMUnknown) -> UInt64 {
        var sum = VRAMSum()
        for name in SmallFile.names(inFolder: locations.graphicsCards) where isCard(name) {
            let text = SmallFile.text("\(locations.graphicsCards)/\(name)/device/mem_info_vram_total")
            sum.add(text.flatMap { Int(digits: $0.prefix { $0.isNumber }) }.map(UInt64.init) ?? 0)
        }
        return try sum.total(orUnknown: "no GPU in \(locations.graphicsCards)")
    }

    /// `card0`, but not `card0-DP-1`: the folder also lists connectors, which lead to the same device.
    private static func isCard(_ name: String) -> Bool {
        name.hasPrefix("card") && Int(digits: name.dropFirst(4)) != nil
    }
}
