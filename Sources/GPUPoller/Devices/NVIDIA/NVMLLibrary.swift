// The functions of libnvidia-ml that this package uses.

import GenAISupport

/// A loaded libnvidia-ml.
///
/// It is never unloaded: drivers leave threads and thread-local data behind, and unloading their code would crash the
/// host. Loading it again only adds a reference.
///
/// The types are those of NVIDIA's nvml.h, unchanged for these names for as long as they have been there.
struct NVMLLibrary: Sendable {
    /// A handle of a GPU or of a slice, valid while the library is started. It is an address inside the library.
    struct Device: Sendable {
        fileprivate let address: UInt
        fileprivate var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: address) }
    }

    struct Memory: Sendable {
        var total: UInt64
        var used: UInt64
    }

    /// A return code other than 0.
    struct Failure: Error {
        let code: Int32
        let text: String

        /// Whether nothing else can be asked either: the library is not started, the driver not loaded or another than the
        /// library's, the GPU without power, lost or waiting for a reset.
        var isOfTheDevice: Bool { [1, 8, 9, 15, 16, 18].contains(code) }
        /// Whether only this figure is missing: not supported, no permission, no such function.
        var isOfTheFigure: Bool { [3, 4, 13].contains(code) }
        /// NVML_ERROR_NOT_SUPPORTED.
        var isNotSupported: Bool { code == 3 }
    }

    private typealias Handle = UnsafeMutableRawPointer
    private typealias Plain = @convention(c) () -> Int32
    private typealias GetCount = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
    private typealias GetHandle = @convention(c) (UInt32, UnsafeMutablePointer<Handle?>) -> Int32
    private typealias GetSlice = @convention(c) (Handle, UInt32, UnsafeMutablePointer<Handle?>) -> Int32
    /// A 32-bit number, or several one after another.
    private typealias GetNumber = @convention(c) (Handle, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias GetLongNumber = @convention(c) (Handle, UnsafeMutablePointer<UInt64>) -> Int32
    private typealias GetSensor = @convention(c) (Handle, Int32, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias GetErrors = @convention(c) (Handle, Int32, Int32, UnsafeMutablePointer<UInt64>) -> Int32
    private typealias GetText = @convention(c) (Handle, UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias GetSystemText = @convention(c) (UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias GetErrorText = @convention(c) (Int32) -> UnsafePointer<CChar>?

    /// NVML_ERROR_FUNCTION_NOT_FOUND.
    private static let functionNotFound: Int32 = 13
    /// More GPUs than any machine has; a larger count is not trusted.
    private static let deviceLimit: UInt32 = 1024

    private let initialize: Plain
    private let shutdown: Plain
    private let getCount: GetCount
    private let getHandle: GetHandle
    private let getMemory: GetLongNumber
    // Older libraries lack some of these.
    private let getUUID: GetText?
    private let getName: GetText?
    private let getDriverVersion: GetSystemText?
    private let getUtilization: GetNumber?
    private let getTemperature: GetSensor?
    private let getPower: GetNumber?
    private let getEnergy: GetLongNumber?
    private let getErrors: GetErrors?
    private let getSliceLimit: GetNumber?
    private let getSlice: GetSlice?
    private let errorString: GetErrorText?

    /// Loads the first library that has the essential functions.
    static func load(anyOf names: [String]) throws(VRAMUnknown) -> NVMLLibrary {
        for name in names {
            if let library = try? NVMLLibrary(DynamicLibrary(name)) { return library }
        }
        throw VRAMUnknown("no usable library among \(names.joined(separator: ", "))")
    }

    private init(_ library: DynamicLibrary) throws {
        initialize = try library.function("nvmlInit_v2")
        shutdown = try library.function("nvmlShutdown")
        getCount = try library.function("nvmlDeviceGetCount_v2")
        getHandle = try library.function("nvmlDeviceGetHandleByIndex_v2")
        getMemory = try library.function("nvmlDeviceGetMemoryInfo")
        getUUID = try? library.function("nvmlDeviceGetUUID")
        getName = try? library.function("nvmlDeviceGetName")
        getDriverVersion = try? library.function("nvmlSystemGetDriverVersion")
        getUtilization = try? library.function("nvmlDeviceGetUtilizationRates")
        getTemperature = try? library.function("nvmlDeviceGetTemperature")
        getPower = try? library.function("nvmlDeviceGetPowerUsage")
        getEnergy = try? library.function("nvmlDeviceGetTotalEnergyConsumption")
        getErrors = try? library.function("nvmlDeviceGetTotalEccErrors")
        getSliceLimit = try? library.function("nvmlDeviceGetMaxMigDeviceCount")
        getSlice = try? library.function("nvmlDeviceGetMigDeviceHandleByIndex")
        errorString = try? library.function("nvmlErrorString")
    }

    /// Starts the library. Each start needs one ``shutDown()``.
    func start() throws(Failure) { try check(initialize()) }

    func shutDown() { _ = shutdown() }

    func deviceCount() throws(Failure) -> UInt32 {
        var count: UInt32 = 0
        try check(getCount(&count))
        return min(count, Self.deviceLimit)
    }

    func device(_ index: UInt32) throws(Failure) -> Device {
        var handle: Handle?
        try check(getHandle(index, &handle))
        return Device(address: UInt(bitPattern: handle))
    }

    /// The slices into which a GPU is divided (MIG); none if it is not, or can't be.
    func slices(of device: Device) -> [Device] {
        guard let getSliceLimit, let getSlice, let pointer = device.pointer else { return [] }
        var limit: UInt32 = 0
        guard getSliceLimit(pointer, &limit) == 0 else { return [] }
        return (0..<min(limit, Self.deviceLimit)).compactMap { index in
            var handle: Handle?
            guard getSlice(pointer, index, &handle) == 0, let handle else { return nil }
            return Device(address: UInt(bitPattern: handle))
        }
    }

    // MARK: Properties of a device

    func uuid(of device: Device) -> String? { text(getUUID, device) }
    func name(of device: Device) -> String? { text(getName, device) }

    var driverVersion: String? {
        var buffer = [CChar](repeating: 0, count: 80)
        guard getDriverVersion?(&buffer, 79) == 0 else { return nil }
        return Self.string(buffer)
    }

    // MARK: Figures of a device

    /// Code 3, or a total of 0: the GPU shares the machine's memory.
    func memory(of device: Device) throws(Failure) -> Memory {
        // nvmlMemory_t is three 64-bit numbers: total, free, used.
        var numbers: [UInt64] = [0, 0, 0]
        try check(device.pointer.map { getMemory($0, &numbers) })
        return Memory(total: numbers[0], used: numbers[2])
    }

    /// 0 to 1.
    func utilization(of device: Device) throws(Failure) -> Double {
        // nvmlUtilization_t is two numbers in percent: how busy the GPU is, and how busy (not how full) its memory is.
        var numbers: [UInt32] = [0, 0]
        try check(device.pointer.flatMap { getUtilization?($0, &numbers) })
        return Double(numbers[0]) / 100
    }

    /// In degrees Celsius.
    func temperature(of device: Device) throws(Failure) -> Double {
        var number: UInt32 = 0
        try check(device.pointer.flatMap { getTemperature?($0, 0, &number) })
        return Double(number)
    }

    /// In watts.
    func power(of device: Device) throws(Failure) -> Double {
        var number: UInt32 = 0
        try check(device.pointer.flatMap { getPower?($0, &number) })
        return Double(number) / 1000
    }

    /// In joules, since the driver was loaded.
    func energy(of device: Device) throws(Failure) -> Double {
        var number: UInt64 = 0
        try check(device.pointer.flatMap { getEnergy?($0, &number) })
        return Double(number) / 1000
    }

    /// Corrected and uncorrected ECC errors, over the life of the device.
    func correctedErrors(of device: Device) throws(Failure) -> Double { try errors(of: device, type: 0) }
    func uncorrectedErrors(of device: Device) throws(Failure) -> Double { try errors(of: device, type: 1) }

    private func errors(of device: Device, type: Int32) throws(Failure) -> Double {
        var number: UInt64 = 0
        try check(device.pointer.flatMap { getErrors?($0, type, 1, &number) })
        return Double(number)
    }

    // MARK: Helpers

    /// - Parameter code: nil if there is no such function or no device.
    private func check(_ code: Int32?) throws(Failure) {
        let code = code ?? Self.functionNotFound
        guard code != 0 else { return }
        guard let text = errorString?(code) else { throw Failure(code: code, text: "NVML error \(code)") }
        throw Failure(code: code, text: "\(String(cString: text)) (NVML error \(code))")
    }

    private func text(_ function: GetText?, _ device: Device) -> String? {
        guard let function, let pointer = device.pointer else { return nil }
        var buffer = [CChar](repeating: 0, count: 97)
        guard function(pointer, &buffer, 96) == 0 else { return nil }
        return Self.string(buffer)
    }

    private static func string(_ buffer: [CChar]) -> String? {
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
