// The table of figures that a GPU can report. Everything that is done to a figure between the device and the export is a loop
// over this table.

import GenAISupport

/// A figure of a GPU. To add one: a case, its row, and a property of ``GPUReading``.
package enum GPUFigure: UInt8, CaseIterable, Sendable {
    case utilization, memoryUtilization, memoryUsage, memoryLimit
    case temperature, power, energy, correctedErrors, uncorrectedErrors

    /// The properties of a figure.
    package struct Row: Sendable {
        package var metric: MetricDescriptor
        package var kind: Kind
        /// A value outside is ignored: some drivers return nonsense if they have no value.
        package var range: ClosedRange<Double>
        /// Whether its values are whole numbers.
        package var isWhole = false
        /// Further attributes, besides those of the GPU.
        package var attributes: [(key: String, value: String)] = []
    }

    package enum Kind: Sendable {
        case gauge
        /// A sum that also falls. Not a gauge, because the sum over all GPUs is meaningful.
        case upDownSum
        /// A sum that the device counts. It falls only when the device starts from 0 again.
        case sum
    }

    package var row: Row {
        switch self {
        case .utilization: Row(.gpuUtilization, .gauge, 0...1, [("hw.gpu.task", "general")])
        case .memoryUtilization: Row(.gpuMemoryUtilization, .gauge, 0...1)
        case .memoryUsage: Row(.gpuMemoryUsage, .upDownSum, Self.bytes, isWhole: true)
        case .memoryLimit: Row(.gpuMemoryLimit, .upDownSum, 1...Self.bytes.upperBound, isWhole: true)
        case .temperature: Row(.temperature, .gauge, -100...300, Self.type)
        case .power: Row(.power, .gauge, 0...100_000, Self.type)
        // A card at full power reaches this in thirty thousand years.
        case .energy: Row(.energy, .sum, 0...1e15, Self.type)
        case .correctedErrors: Row(.errors, .sum, Self.count, isWhole: true, Self.type + [("error.type", "corrected")])
        case .uncorrectedErrors:
            Row(.errors, .sum, Self.count, isWhole: true, Self.type + [("error.type", "uncorrected")])
        }
    }

    private static let type = [("hw.type", "gpu")]
    /// Up to a pebibyte: four thousand times the largest GPU of 2026.
    private static let bytes = 0...Double(1 << 50)
    /// Whole numbers that a Double holds exactly.
    private static let count = 0...Double(1 << 53)
}

extension GPUFigure.Row {
    fileprivate init(
        _ metric: MetricDescriptor,
        _ kind: GPUFigure.Kind,
        _ range: ClosedRange<Double>,
        isWhole: Bool = false,
        _ attributes: [(String, String)] = []
    ) {
        self.init(metric: metric, kind: kind, range: range, isWhole: isWhole, attributes: attributes)
    }
}

/// The names of the OpenTelemetry conventions for hardware, 1.44.0.
extension MetricDescriptor {
    fileprivate static let gpuUtilization = MetricDescriptor(
        name: "hw.gpu.utilization",
        unit: "1",
        description: "Fraction of time in which the GPU was busy"
    )
    fileprivate static let gpuMemoryUtilization = MetricDescriptor(
        name: "hw.gpu.memory.utilization",
        unit: "1",
        description: "Fraction of the GPU's memory that is used"
    )
    fileprivate static let gpuMemoryUsage = MetricDescriptor(
        name: "hw.gpu.memory.usage",
        unit: "By",
        description: "GPU memory that is used"
    )
    fileprivate static let gpuMemoryLimit = MetricDescriptor(
        name: "hw.gpu.memory.limit",
        unit: "By",
        description: "Size of the GPU's memory"
    )
    fileprivate static let temperature = MetricDescriptor(
        name: "hw.temperature",
        unit: "Cel",
        description: "Temperature of the component"
    )
    fileprivate static let power = MetricDescriptor(
        name: "hw.power",
        unit: "W",
        description: "Power that the component takes"
    )
    fileprivate static let energy = MetricDescriptor(
        name: "hw.energy",
        unit: "J",
        description: "Energy that the component has taken"
    )
    fileprivate static let errors = MetricDescriptor(
        name: "hw.errors",
        unit: "{error}",
        description: "Number of errors that the component has met"
    )
}
