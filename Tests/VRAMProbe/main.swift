// Prints this machine's GPU memory as each method finds it. Tests/vram-probe builds and runs it.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

func environment() -> [String: String] {
    var result: [String: String] = [:]
    for name in ["PATH", "LD_LIBRARY_PATH", "HOME"] {
        if let value = getenv(name) { result[name] = String(cString: value) }
    }
    return result
}

let system = GPULocations(environment: environment())
var withoutNVML = system
withoutNVML.nvmlLibraries = []
for (title, locations) in [("as on any machine", system), ("without NVML", withoutNVML)] {
    var detector = VRAMDetector(locations: locations)
    let finding = detector.detect { false }
    print("\(title): \(finding.total.map { "\($0.bytes) bytes through \($0.method.rawValue)" } ?? "not detected")")
    for failure in finding.failures { print("    \(failure)") }
}
