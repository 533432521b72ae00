// The newest reading of every GPU, and its counters.

import GPUPoller
import GenAISupport

/// The state of one GPU. It never changes: a new reading makes a new one.
final class RecordedGPU: Sendable {
    /// A sum that the device counts, over its restarts.
    struct Counter: Sendable {
        /// The device's newest value.
        var latest: Double
        /// The sum of the values that it had before each restart.
        var earlier: Double
        /// Its first value; nobody knows since when that was counted.
        let first: Double

        init(_ value: Double) { (latest, earlier, first) = (value, 0, value) }

        mutating func update(_ value: Double) {
            if value < latest { earlier += latest }
            latest = value
        }

        var value: Double { earlier + latest }
        /// The count that this process has seen.
        var seen: Double { value - first }
    }

    let reading: GPUReading
    /// The attributes that describe the device. Every point has them.
    let attributes: [Attribute]
    let counters: [GPUFigure: Counter]
    /// When it was first seen, in nanoseconds since 1970.
    let start: UInt64
    /// Whether the GPU is there. If not, its counters are kept until it is back.
    let isPresent: Bool

    /// - Parameter former: the earlier state of the same GPU.
    init(_ reading: GPUReading, after former: RecordedGPU?, time: UInt64) {
        self.reading = reading
        attributes = reading.pointAttributes
        var counters = former?.counters ?? [:]
        for figure in GPUFigure.allCases where figure.row.kind == .sum {
            guard let value = reading[figure] else { continue }
            counters[figure, default: Counter(value)].update(value)
        }
        self.counters = counters
        start = former?.start ?? time
        isPresent = true
    }

    /// The same GPU, gone.
    init(gone former: RecordedGPU) {
        reading = former.reading
        attributes = former.attributes
        counters = former.counters
        start = former.start
        isPresent = false
    }
}

/// The GPUs, in the order in which they were first seen.
struct RecordedGPUs: Sendable {
    private(set) var gpus: [RecordedGPU] = []
    private let limit: Int

    /// - Parameter limit: the most GPUs that are kept.
    init(limit: Int) { self.limit = max(limit, 1) }

    /// Takes over a sanitized reading.
    ///
    /// - Parameter time: in nanoseconds since 1970.
    /// - Returns: whether it is within the limit.
    mutating func record(_ reading: GPUReading, time: UInt64) -> Bool {
        if let position = gpus.firstIndex(where: { $0.reading.id == reading.id }) {
            gpus[position] = RecordedGPU(reading, after: gpus[position], time: time)
            return true
        }
        if gpus.count >= limit { gpus.removeAll { !$0.isPresent } }
        guard gpus.count < limit else { return false }
        gpus.append(RecordedGPU(reading, after: nil, time: time))
        return true
    }

    mutating func withdraw(_ id: String) {
        guard let position = gpus.firstIndex(where: { $0.reading.id == id }), gpus[position].isPresent else { return }
        gpus[position] = RecordedGPU(gone: gpus[position])
    }
}

extension GPUReading {
    /// The reading with its texts cut; nil without an id.
    func sanitized() -> GPUReading? {
        guard !id.isEmpty else { return nil }
        func cut(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : Attribute.cut($0) } }
        var result = self
        result.id = Attribute.cut(id)
        result.name = cut(name)
        result.vendor = cut(vendor)
        result.driverVersion = cut(driverVersion)
        result.parent = cut(parent)
        return result
    }

    /// OpenTelemetry's conventions for hardware, and `hw.gpu.index`, by which the vendor's tools call the device.
    fileprivate var pointAttributes: [Attribute] {
        var result = [Attribute("hw.id", .string(id))]
        if let name { result.append(Attribute("hw.name", .string(name))) }
        if let vendor { result.append(Attribute("hw.vendor", .string(vendor))) }
        if let driverVersion { result.append(Attribute("hw.driver_version", .string(driverVersion))) }
        if let index { result.append(Attribute("hw.gpu.index", .int(index))) }
        if let parent { result.append(Attribute("hw.parent", .string(parent))) }
        return result
    }
}
