// What one reading of a GPU yields: the plain values that the poller hands on.

/// The state of one GPU, or of one slice of a GPU, at one moment.
///
/// Absent is not zero: a figure that the device does not have, or does not tell this user, is nil and makes no point. A figure
/// that is set out of its range becomes nil. A value: safe to pass between threads.
///
/// ```swift
/// var reading = GPUReading(id: "GPU-8f5c1e2a", name: "NVIDIA H100 80GB HBM3", vendor: "NVIDIA", index: 0)
/// reading.utilization = 0.97
/// reading.memoryUsage = 61_000_000_000
/// ```
public struct GPUReading: Sendable, Equatable {
    /// Attribute `hw.id`: the device's UUID, or its place in the machine if it has none. NVIDIA's UUIDs begin with `GPU-`, and
    /// those of slices (MIG) with `MIG-`.
    public var id: String
    /// Attribute `hw.name`: the product's name.
    public var name: String?
    /// Attribute `hw.vendor`: `NVIDIA`, `AMD` or `Apple`.
    public var vendor: String?
    /// Attribute `hw.driver_version`: the driver's version.
    public var driverVersion: String?
    /// Attribute `hw.gpu.index`: the number that the vendor's tools give the device, 0 or more. A slice has its GPU's.
    public var index: Int?
    /// Attribute `hw.parent`: the ``id`` of the GPU that this is a slice of.
    public var parent: String?
    private var figures: [GPUFigure: Double] = [:]

    /// Makes a reading without figures. Nothing is checked here; a reading with an empty id is ignored when it is recorded.
    ///
    /// - Parameters:
    ///   - id: tells the device from all others of the machine, always the same.
    ///   - name: the product's name; nil if it is not known, like all that follows.
    ///   - vendor: the vendor, such as `NVIDIA`.
    ///   - driverVersion: the driver's version.
    ///   - index: the number that the vendor's tools give the device, 0 or more.
    ///   - parent: the id of the GPU that this is a slice of; nil for a whole GPU.
    public init(
        id: String,
        name: String? = nil,
        vendor: String? = nil,
        driverVersion: String? = nil,
        index: Int? = nil,
        parent: String? = nil
    ) {
        self.id = id
        self.name = name
        self.vendor = vendor
        self.driverVersion = driverVersion
        self.index = index
        self.parent = parent
    }

    /// How busy the GPU was over the driver's last sampling period, 0 to 1.
    public var utilization: Double? {
        get { self[.utilization] }
        set { self[.utilization] = newValue }
    }
    /// How full the memory is, 0 to 1.
    public var memoryUtilization: Double? {
        get { self[.memoryUtilization] }
        set { self[.memoryUtilization] = newValue }
    }
    /// Memory in use, in bytes, 0 or more.
    public var memoryUsage: Int? {
        get { self[whole: .memoryUsage] }
        set { self[whole: .memoryUsage] = newValue }
    }
    /// Size of the memory in bytes, more than 0.
    public var memoryLimit: Int? {
        get { self[whole: .memoryLimit] }
        set { self[whole: .memoryLimit] = newValue }
    }
    /// The temperature in degrees Celsius.
    public var temperature: Double? {
        get { self[.temperature] }
        set { self[.temperature] = newValue }
    }
    /// The power that it draws now, in watts.
    public var power: Double? {
        get { self[.power] }
        set { self[.power] = newValue }
    }
    /// The energy that it has used since its driver was loaded, in joules.
    public var energy: Double? {
        get { self[.energy] }
        set { self[.energy] = newValue }
    }
    /// Memory errors that ECC has corrected over the device's life, 0 or more.
    public var correctedErrors: Int? {
        get { self[whole: .correctedErrors] }
        set { self[whole: .correctedErrors] = newValue }
    }
    /// Memory errors that ECC could not correct over the device's life, 0 or more.
    public var uncorrectedErrors: Int? {
        get { self[whole: .uncorrectedErrors] }
        set { self[whole: .uncorrectedErrors] = newValue }
    }

    /// A figure in its range; setting one that is out of range leaves it out.
    package subscript(figure: GPUFigure) -> Double? {
        get { figures[figure] }
        set { figures[figure] = newValue.flatMap { figure.row.range.contains($0) ? $0 : nil } }
    }

    /// Sets what is used of the memory, and how large it is. A part that makes no sense beside the other is left out.
    package mutating func setMemory(used: Double?, of limit: Double?) {
        self[.memoryLimit] = limit
        self[.memoryUsage] = used
        guard let used = self[.memoryUsage], let limit = self[.memoryLimit] else { return }
        if used <= limit { self[.memoryUtilization] = used / limit } else { self[.memoryUsage] = nil }
    }

    private subscript(whole figure: GPUFigure) -> Int? {
        get { self[figure].map { Int($0) } }
        set { self[figure] = newValue.map { Double($0) } }
    }
}
