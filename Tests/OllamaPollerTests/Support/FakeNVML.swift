// Builds real libnvidia-ml libraries that report what a test wants.

import Foundation
import Testing

@testable import OllamaPoller

/// A shared library with NVML's functions, written in C and compiled by the test.
struct FakeNVML {
    /// Bytes that each GPU reports.
    var totals: [UInt64] = []
    /// What asking each GPU for its memory returns; 0 where nothing is given.
    var memoryCodes: [Int32] = []
    /// What asking for each GPU's handle returns; 0 where nothing is given.
    var handleCodes: [Int32] = []
    var initCode: Int32 = 0

    /// The C compiler, if there is one.
    static let compiler = ExecutableSearch.find("cc", path: ProcessInfo.processInfo.environment["PATH"] ?? "")

    /// Compiles the library into the folder; its path.
    func build(in folder: TemporaryFolder) throws -> String {
        let source = try folder.write(code, to: "nvml.c")
        // A name of its own: a library that was once loaded stays so.
        let library = "\(folder.path)/\(UUID().uuidString)/libnvidia-ml.so.1"
        try folder.createFolder(of: library)
        let result = ChildProcess.run(
            try #require(Self.compiler),
            ["-shared", "-fPIC", "-o", library, source],
            environment: ProcessInfo.processInfo.environment,
            outputLimit: 65_536,
            timeLimit: .seconds(60),
            isCancelled: { false }
        )
        _ = try result.get()
        return library
    }

    private var code: String {
        func list(_ values: [some BinaryInteger]) -> String {
            // One more than needed: C has no empty arrays.
            "{" + (0...totals.count).map { $0 < values.count ? "\(values[$0])ULL" : "0" }.joined(separator: ",") + "}"
        }
        return """
            typedef struct { unsigned long long total, free, used; } memory_t;
            static unsigned long long totals[] = \(list(totals));
            static int memory_codes[] = \(list(memoryCodes));
            static int handle_codes[] = \(list(handleCodes));
            static int starts = 0;
            int nvmlInit_v2(void) { if (\(initCode) == 0) starts++; return \(initCode); }
            int nvmlShutdown(void) { starts--; return 0; }
            int nvmlDeviceGetCount_v2(unsigned int *count) { *count = \(totals.count); return starts > 0 ? 0 : 1; }
            int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
                *device = &totals[index];
                return handle_codes[index];
            }
            int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
                long index = (unsigned long long *)device - totals;
                if (memory_codes[index] == 0) { memory->total = totals[index]; memory->free = memory->used = 1; }
                return memory_codes[index];
            }
            const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "Some error"; }
            int starts_left(void) { return starts; }
            """
    }
}
