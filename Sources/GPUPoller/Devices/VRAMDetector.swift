// Detects this machine's GPU memory: tries one method after another until one succeeds.
//
// Nothing in this folder and its folders uses HTTP, logs or threads, so that it also links on its own (`Tests/vram-probe`).

/// Detects the total GPU memory of this machine.
///
/// Blocks for as long as drivers and tools take, so it belongs on a background thread. Not thread-safe.
package struct VRAMDetector: Sendable {
    /// A way to find the total.
    package enum Method: String, Sendable {
        case nvml = "NVML"
        case nvidiaSMI = "nvidia-smi"
        case amd = "AMD sysfs"
        case metal = "Metal"
    }

    /// The outcome of a detection.
    package struct Finding: Sendable, Equatable {
        /// The total and the method that found it; nil if no method succeeded.
        package var total: Total?
        /// One line for each failed method, with the reason.
        package var failures: [String] = []

        package init(total: Total? = nil, failures: [String] = []) {
            self.total = total
            self.failures = failures
        }
    }

    package struct Total: Sendable, Equatable {
        package var bytes: UInt64
        package var method: Method

        package init(bytes: UInt64, method: Method) {
            self.bytes = bytes
            self.method = method
        }
    }

    /// The time limit of `nvidia-smi`.
    package static let processLimit: Duration = .seconds(5)

    private let locations: GPULocations
    private var nvidiaSMI: NvidiaSMI

    package init(locations: GPULocations, processLimit: Duration = VRAMDetector.processLimit) {
        self.locations = locations
        nvidiaSMI = NvidiaSMI(
            environment: locations.environment,
            memoryInfo: locations.memoryInfo,
            limit: processLimit
        )
    }

    /// Tries the methods in order of preference. `isCancelled` is checked between them and during `nvidia-smi`.
    package mutating func detect(isCancelled: () -> Bool) -> Finding {
        var finding = Finding()
        for method in [Method.nvml, .nvidiaSMI, .amd, .metal] {
            guard !isCancelled() else { break }
            do {
                finding.total = Total(bytes: try ask(method, isCancelled), method: method)
                break
            } catch {
                finding.failures.append("\(method.rawValue): \(error.reason)")
            }
        }
        return finding
    }

    private mutating func ask(_ method: Method, _ isCancelled: () -> Bool) throws(VRAMUnknown) -> UInt64 {
        switch method {
        case .nvml: try NVML.totalMemory(locations)
        case .nvidiaSMI: try nvidiaSMI.totalMemory(isCancelled: isCancelled)
        case .amd: try AMDSysfs.totalMemory(locations)
        case .metal: try AppleMetal.totalMemory()
        }
    }
}

/// Why a method failed.
package struct VRAMUnknown: Error {
    package var reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Adds up the memory of GPUs. Drivers are not trusted: implausible figures are ignored.
struct VRAMSum {
    /// One pebibyte: four thousand times the largest GPU of 2026.
    private static let implausible: UInt64 = 1 << 50

    private var sum: UInt64 = 0

    var isEmpty: Bool { sum == 0 }

    mutating func add(_ bytes: UInt64) {
        guard bytes < Self.implausible, sum < Self.implausible else { return }
        sum += bytes
    }

    func total(orUnknown reason: @autoclosure () -> String) throws(VRAMUnknown) -> UInt64 {
        guard sum > 0 else { throw VRAMUnknown(reason()) }
        return sum
    }
}
