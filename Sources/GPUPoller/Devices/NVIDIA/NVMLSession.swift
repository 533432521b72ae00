// NVIDIA GPUs, through the management library. It stays started from one poll to the next.

/// A started libnvidia-ml and the devices that it has found. Used by one thread at a time.
struct NVMLSession: Sendable {
    /// A GPU or a slice, and the properties that never change.
    private struct Found: Sendable {
        var identity: GPUReading
        var device: NVMLLibrary.Device
        var slices: [Found] = []
    }

    /// The outcome of reading all devices.
    struct Scan {
        var readings: [GPUReading] = []
        /// Why devices could not be read, by their ids.
        var losses: [String: String] = [:]
    }

    private let library: NVMLLibrary
    private let memoryInfo: String
    private var found: [Found] = []
    /// Whether a device is lost. The library must be started again to find a device that is back.
    private(set) var isBroken = false

    /// Loads and starts the library, and finds the devices.
    init(_ locations: GPULocations) throws(VRAMUnknown) {
        library = try NVMLLibrary.load(anyOf: locations.nvmlLibraries)
        memoryInfo = locations.memoryInfo
        do {
            try library.start()
        } catch {
            throw VRAMUnknown(error.text)
        }
        do {
            try findDevices()
        } catch {
            library.shutDown()
            throw VRAMUnknown(error.text)
        }
    }

    func close() { library.shutDown() }

    var isEmpty: Bool { found.isEmpty }

    /// Finds the devices again, because slices come and go while the library is started.
    mutating func findDevices() throws(NVMLLibrary.Failure) {
        let driverVersion = library.driverVersion
        var new: [Found] = []
        for index in 0..<(try library.deviceCount()) {
            let device: NVMLLibrary.Device
            do {
                device = try library.device(index)
            } catch {
                // The device is left out: without its handle, its id is not known.
                if error.isOfTheDevice { isBroken = true }
                continue
            }
            let number = Int(index)
            let id = library.uuid(of: device) ?? "nvidia-\(index)"
            let name = library.name(of: device)
            var entry = Found(identity: identity(id, name, driverVersion, number), device: device)
            for (position, slice) in library.slices(of: device).enumerated() {
                var sliceIdentity = identity(
                    library.uuid(of: slice) ?? "\(id)/\(position)",
                    library.name(of: slice) ?? name,
                    driverVersion,
                    number
                )
                sliceIdentity.parent = id
                entry.slices.append(Found(identity: sliceIdentity, device: slice))
            }
            new.append(entry)
        }
        found = new
    }

    private func identity(_ id: String, _ name: String?, _ driverVersion: String?, _ index: Int) -> GPUReading {
        GPUReading(id: id, name: name, vendor: "NVIDIA", driverVersion: driverVersion, index: index)
    }

    /// Asks every device for its figures.
    mutating func read() -> Scan {
        var scan = Scan()
        for gpu in found {
            read(gpu, hasSlices: !gpu.slices.isEmpty, &scan)
            // The slices of a lost GPU are lost with it.
            let loss = scan.losses[gpu.identity.id]
            for slice in gpu.slices {
                if let loss { scan.losses[slice.identity.id] = loss } else { read(slice, hasSlices: false, &scan) }
            }
        }
        if !scan.losses.isEmpty { isBroken = true }
        return scan
    }

    /// - Parameter hasSlices: whether the GPU is divided. Then only its slices report memory, or sums would count it twice.
    private func read(_ gpu: Found, hasSlices: Bool, _ scan: inout Scan) {
        var reading = gpu.identity
        /// A failure of the whole device. It is not asked for more then, because each answer may take long.
        var loss: NVMLLibrary.Failure?
        /// Another failure. It costs one figure; if no figure can be read, it is the reason.
        var trouble: NVMLLibrary.Failure?
        var hasAnswered = false
        func value<Value>(
            _ ask: (NVMLLibrary.Device) throws(NVMLLibrary.Failure) -> Value
        ) -> Result<Value, NVMLLibrary.Failure>? {
            guard loss == nil else { return nil }
            do {
                let value = try ask(gpu.device)
                hasAnswered = true
                return .success(value)
            } catch {
                if error.isOfTheDevice { loss = error } else if !error.isOfTheFigure { trouble = error }
                return .failure(error)
            }
        }
        if !hasSlices {
            switch value(library.memory) {
            case .success(let memory) where memory.total > 0:
                reading.setMemory(used: Double(memory.used), of: Double(memory.total))
            case .success: setMachineMemory(&reading)
            case .failure(let failure) where failure.isNotSupported: setMachineMemory(&reading)
            case .failure, nil: break
            }
        }
        let questions: [(GPUFigure, (NVMLLibrary.Device) throws(NVMLLibrary.Failure) -> Double)] = [
            (.utilization, library.utilization), (.temperature, library.temperature), (.power, library.power),
            (.energy, library.energy), (.correctedErrors, library.correctedErrors),
            (.uncorrectedErrors, library.uncorrectedErrors),
        ]
        // A slice has only memory and utilization of its own; the GPU reports the rest.
        for (figure, ask) in questions where gpu.identity.parent == nil || figure == .utilization {
            if case .success(let number) = value(ask) { reading[figure] = number }
        }
        if !hasAnswered { loss = loss ?? trouble }
        if let loss { scan.losses[reading.id] = loss.text } else { scan.readings.append(reading) }
    }

    /// Sets the machine's memory for a GPU that shares it: that memory is what can become full.
    private func setMachineMemory(_ reading: inout GPUReading) {
        guard reading.parent == nil, let memory = MemoryInfo(memoryInfo) else { return }
        reading.setMemory(used: memory.used.map { Double($0) }, of: Double(memory.total))
    }
}
