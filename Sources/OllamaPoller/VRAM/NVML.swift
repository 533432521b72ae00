// GPU memory through NVIDIA's management library, which is loaded at run time.

enum NVML {
    /// The memory of all NVIDIA GPUs in bytes. GPUs that can't be read are skipped. If any shares the machine's memory
    /// (Grace, DGX Spark, Jetson), that memory counts once.
    static func totalMemory(_ locations: VRAMLocations) throws(VRAMUnknown) -> UInt64 {
        let library = try NVMLLibrary.load(anyOf: locations.nvmlLibraries)
        try library.start()
        defer { library.shutDown() }

        var sum = VRAMSum()
        var hasUnifiedMemory = false
        var failures: [String] = []
        for index in 0..<(try library.deviceCount()) {
            switch library.memory(ofDevice: index) {
            case .total(let bytes): sum.add(bytes)
            case .unified: hasUnifiedMemory = true
            case .failed(let reason): failures.append("GPU \(index): \(reason)")
            }
        }
        if hasUnifiedMemory { sum.add(MemoryInfo.total(locations.memoryInfo) ?? 0) }
        return try sum.total(orUnknown: failures.isEmpty ? "no GPU" : failures.joined(separator: ", "))
    }
}
