// Prints this machine's GPUs as each method finds them. Tests/vram-probe builds and runs it.

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

/// What two looks, a second apart, tell, and how long the second one takes.
func look(_ locations: GPULocations) -> (scan: GPUReader.Scan, milliseconds: Double) {
    var reader = GPUReader(locations: locations)
    defer { reader.close() }
    let first = reader.read(now: .now) { false }
    sleep(1)
    let start = ContinuousClock.now
    var scan = reader.read(now: .now) { false }
    let time = start.duration(to: .now) / .milliseconds(1)
    scan.failures = first.failures
    return (scan, time)
}

let looks = [look(system), look(withoutNVML)]
for (title, (scan, time)) in zip(["with NVML", "without it"], looks) {
    print("\(title): \(scan.readings.count) devices, read in \(time) ms")
    for failure in scan.failures { print("    \(failure)") }
    for (id, loss) in scan.losses { print("    \(id): \(loss)") }
}

func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

let scans = looks.map(\.scan.readings)
var ids: [String] = []
for reading in scans.joined() where !ids.contains(reading.id) { ids.append(reading.id) }
for id in ids {
    let readings = scans.map { readings in readings.first { $0.id == id } }
    func row(_ name: String, _ value: (GPUReading) -> String?) {
        let values = readings.map { reading in reading.map { value($0) ?? "-" } ?? "not found" }
        print("    \(padded(name, 28)) \(padded(values[0], 32)) \(values[1])")
    }
    print("\n\(padded(id, 33))with NVML                        without it")
    row("hw.name", \.name)
    row("hw.vendor", \.vendor)
    row("hw.driver_version", \.driverVersion)
    row("hw.gpu.index") { $0.index.map { "\($0)" } }
    row("hw.parent", \.parent)
    for figure in GPUFigure.allCases {
        let type = figure.row.attributes.first { $0.key == "error.type" }.map { " \($0.value)" } ?? ""
        row(figure.row.metric.name + type) { $0[figure].map { "\($0)" } }
    }
}
