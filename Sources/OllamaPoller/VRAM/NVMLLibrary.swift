// The functions of libnvidia-ml that this package uses.

import GenAISupport

/// A loaded libnvidia-ml.
///
/// It is never unloaded: drivers leave threads and thread-local data behind, and unloading their code would crash the
/// host. Loading it again only adds a reference.
struct NVMLLibrary {
    enum DeviceMemory {
        case total(UInt64)
        /// The GPU shares the machine's memory.
        case unified
        case failed(String)
    }

    private typealias Plain = @convention(c) () -> Int32
    private typealias GetCount = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
    private typealias GetHandle = @convention(c) (UInt32, UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int32
    private typealias GetMemory = @convention(c) (UnsafeMutableRawPointer, UnsafeMutablePointer<UInt64>) -> Int32
    private typealias GetText = @convention(c) (Int32) -> UnsafePointer<CChar>?

    /// NVML_ERROR_NOT_SUPPORTED.
    private static let notSupported: Int32 = 3
    /// More GPUs than any machine has; a larger count is not trusted.
    private static let deviceLimit: UInt32 = 1024

    private let initialize: Plain
    private let shutdown: Plain
    private let getCount: GetCount
    private let getHandle: GetHandle
    private let getMemory: GetMemory
    private let errorString: GetText?

    /// Loads the first library that has all the functions.
    static func load(anyOf names: [String]) throws(VRAMUnknown) -> NVMLLibrary {
        for name in names {
            if let library = try? NVMLLibrary(DynamicLibrary(name)) { return library }
        }
        throw VRAMUnknown("no usable library among \(names.joined(separator: ", "))")
    }

    /// The types are those of NVIDIA's nvml.h, unchanged since 2012 for these names.
    private init(_ library: DynamicLibrary) throws {
        initialize = try library.function("nvmlInit_v2")
        shutdown = try library.function("nvmlShutdown")
        getCount = try library.function("nvmlDeviceGetCount_v2")
        getHandle = try library.function("nvmlDeviceGetHandleByIndex_v2")
        getMemory = try library.function("nvmlDeviceGetMemoryInfo")
        errorString = try? library.function("nvmlErrorString") as GetText
    }

    /// Starts the library. Each start needs one ``shutDown()``.
    func start() throws(VRAMUnknown) {
        let code = initialize()
        guard code == 0 else { throw VRAMUnknown(describe(code)) }
    }

    func shutDown() {
        _ = shutdown()
    }

    func deviceCount() throws(VRAMUnknown) -> UInt32 {
        var count: UInt32 = 0
        let code = getCount(&count)
        guard code == 0 else { throw VRAMUnknown(describe(code)) }
        return min(count, Self.deviceLimit)
    }

    func memory(ofDevice index: UInt32) -> DeviceMemory {
        var device: UnsafeMutableRawPointer?
        let handleCode = getHandle(index, &device)
        guard handleCode == 0, let device else { return .failed(describe(handleCode)) }
        // nvmlMemory_t is three 64-bit figures: total, free, used.
        var memory: [UInt64] = [0, 0, 0]
        let code = getMemory(device, &memory)
        if code == Self.notSupported || (code == 0 && memory[0] == 0) { return .unified }
        return code == 0 ? .total(memory[0]) : .failed(describe(code))
    }

    private func describe(_ code: Int32) -> String {
        guard let text = errorString?(code) else { return "NVML error \(code)" }
        return "\(String(cString: text)) (NVML error \(code))"
    }
}
