// All GPUs of this machine: finds them, keeps their drivers open, and notices when they come and go.

/// Reads this machine's GPUs again and again.
///
/// Blocks for as long as drivers and tools take. Used by one thread at a time.
package struct GPUReader: Sendable {
    /// The outcome of one reading.
    package struct Scan: Sendable {
        package var readings: [GPUReading] = []
        /// Why known GPUs can't be read, by their ids. A GPU that is no longer found has no entry.
        package var losses: [String: String] = [:]
        /// One line for each method that found nothing, with the reason. Empty if none was tried.
        package var failures: [String] = []

        package init() {}
    }

    /// Time between two searches for GPUs: new ones, and those that were not found before. Together with the default interval it
    /// is less than a minute.
    private static let retryInterval: Duration = .seconds(45)

    /// How NVIDIA GPUs are read at present.
    private enum Method: Sendable {
        case nvml(NVMLSession)
        case nvidiaSMI
        case none
    }

    private let locations: GPULocations
    private var nvidiaSMI: NvidiaSMI
    private var method = Method.none
    private var nextSearch: ContinuousClock.Instant?

    package init(locations: GPULocations, processLimit: Duration = VRAMDetector.processLimit) {
        self.locations = locations
        nvidiaSMI = NvidiaSMI(
            environment: locations.environment,
            memoryInfo: locations.memoryInfo,
            limit: processLimit
        )
    }

    /// Reads all GPUs.
    ///
    /// - Parameters:
    ///   - now: decides whether it is time to search for GPUs.
    ///   - isCancelled: checked between the drivers, and while `nvidia-smi` runs.
    package mutating func read(now: ContinuousClock.Instant, isCancelled: () -> Bool) -> Scan {
        var scan = Scan()
        let isSearchDue = nextSearch.map { now >= $0 } ?? true
        if isSearchDue {
            nextSearch = now + Self.retryInterval
            search(&scan)
        }
        switch method {
        case .nvml(var session):
            let found = session.read()
            method = .nvml(session)
            scan.readings = found.readings
            scan.losses = found.losses
        case .nvidiaSMI: readThroughTool(&scan, isCancelled)
        case .none:
            // The tool takes long even if it finds nothing.
            if isSearchDue { readThroughTool(&scan, isCancelled) }
        }
        guard !isCancelled() else { return scan }
        scan.readings += AMDSysfs.read(locations) + AppleGPUs.read()
        return scan
    }

    /// Closes the driver, which could not be unloaded otherwise. The next reading opens it again.
    package mutating func close() {
        if case .nvml(let session) = method { session.close() }
        method = .none
        nextSearch = nil
    }

    /// Loads NVIDIA's library, or finds new devices through the loaded one.
    private mutating func search(_ scan: inout Scan) {
        if case .nvml(var session) = method {
            if !session.isBroken, (try? session.findDevices()) != nil {
                method = .nvml(session)
                return
            }
            session.close()
            method = .none
        }
        do throws(VRAMUnknown) {
            let session = try NVMLSession(locations)
            guard !session.isEmpty else {
                session.close()
                throw VRAMUnknown("no GPU")
            }
            method = .nvml(session)
        } catch {
            scan.failures.append("NVML: \(error.reason)")
        }
    }

    private mutating func readThroughTool(_ scan: inout Scan, _ isCancelled: () -> Bool) {
        do throws(VRAMUnknown) {
            let readings = try nvidiaSMI.read(isCancelled: isCancelled)
            scan.readings += readings
            method = readings.isEmpty ? .none : .nvidiaSMI
            if readings.isEmpty { scan.failures.append("nvidia-smi: its output has no GPU") }
        } catch {
            scan.failures.append("nvidia-smi: \(error.reason)")
            method = .none
        }
    }
}
