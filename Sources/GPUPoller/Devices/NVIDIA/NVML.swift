// GPU memory through NVIDIA's management library, which is loaded at run time.

enum NVML {
    /// The memory of all NVIDIA GPUs in bytes. GPUs that can't be read are skipped. If a GPU does not tell its memory, the memory
    /// of its slices counts. If any GPU shares the machine's memory (Grace, DGX Spark, Jetson), that memory counts once.
    static func totalMemory(_ locations: GPULocations) throws(VRAMUnknown) -> UInt64 {
        let library = try NVMLLibrary.load(anyOf: locations.nvmlLibraries)
        do {
            try library.start()
        } catch {
            throw VRAMUnknown(error.text)
        }
        defer { library.shutDown() }

        var sum = VRAMSum()
        var hasUnifiedMemory = false
        var failures: [String] = []
        for index in 0..<(try count(library)) {
            do {
                let device = try library.device(index)
                switch memory(of: device, library) {
                case .success(0): hasUnifiedMemory = true
                case .success(let bytes): sum.add(bytes)
                case .failure(let failure): failures.append("GPU \(index): \(failure.text)")
                }
            } catch {
                failures.append("GPU \(index): \(error.text)")
            }
        }
        if hasUnifiedMemory { sum.add(MemoryInfo(locations.memoryInfo)?.total ?? 0) }
        return try sum.total(orUnknown: failures.isEmpty ? "no GPU" : failures.joined(separator: ", "))
    }

    private static func count(_ library: NVMLLibrary) throws(VRAMUnknown) -> UInt32 {
        do {
            return try library.deviceCount()
        } catch {
            throw VRAMUnknown(error.text)
        }
    }

    /// 0 for a GPU without memory of its own.
    private static func memory(
        of device: NVMLLibrary.Device,
        _ library: NVMLLibrary
    ) -> Result<UInt64, NVMLLibrary.Failure> {
        do {
            return .success(try library.memory(of: device).total)
        } catch {
            var slices = VRAMSum()
            for slice in library.slices(of: device) { slices.add((try? library.memory(of: slice).total) ?? 0) }
            if let bytes = try? slices.total(orUnknown: "") { return .success(bytes) }
            return error.isNotSupported ? .success(0) : .failure(error)
        }
    }
}
