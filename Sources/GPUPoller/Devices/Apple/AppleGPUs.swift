// Apple's GPUs, from the I/O registry.

#if canImport(IOKit) && canImport(Metal)
import Foundation
import IOKit
import Metal
#endif

enum AppleGPUs {
    /// All GPUs. They share the machine's memory and can use as much of it as Metal recommends. Ordinary programs can't read
    /// temperature and power.
    static func read() -> [GPUReading] {
        #if canImport(IOKit) && canImport(Metal)
        var iterator: io_iterator_t = 0
        guard IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching("IOAccelerator"), &iterator) == 0
        else { return [] }
        defer { IOObjectRelease(iterator) }
        let metal = MTLCreateSystemDefaultDevice()
        var readings: [GPUReading] = []
        while case let service = IOIteratorNext(iterator), service != 0 {
            defer { IOObjectRelease(service) }
            var id: UInt64 = 0
            var properties: Unmanaged<CFMutableDictionary>?
            guard IORegistryEntryGetRegistryEntryID(service, &id) == 0,
                IORegistryEntryCreateCFProperties(service, &properties, kCFAllocatorDefault, 0) == 0,
                let values = properties?.takeRetainedValue() as? [String: Any],
                let statistics = values["PerformanceStatistics"] as? [String: Any]
            else { continue }
            func number(_ key: String) -> Double? { (statistics[key] as? NSNumber)?.doubleValue }
            var reading = GPUReading(
                id: "Apple-\(String(id, radix: 16))",
                name: metal?.name,
                vendor: "Apple",
                index: readings.count
            )
            reading[.utilization] = number("Device Utilization %").map { $0 / 100 }
            reading.setMemory(
                used: number("In use system memory"),
                of: metal.map { Double($0.recommendedMaxWorkingSetSize) }
            )
            readings.append(reading)
        }
        return readings
        #else
        return []
        #endif
    }
}
