// Builds real libnvidia-ml libraries that report what a test wants, also in another process, and also while it runs.

import Foundation
import GenAISupport

/// A shared library with NVML's functions, written in C and compiled by the test. Its figures stand in a file that the library
/// maps into memory: what is set here is what it tells from then on.
package final class FakeNVML: Sendable {
    /// What a device tells, and what it is.
    package enum Slot: Int, CaseIterable, Sendable {
        case total, used, utilization, temperature, power, energy, corrected, uncorrected
        /// The answers' codes; 0 is success.
        case handleCode, memoryCode, utilizationCode, temperatureCode, powerCode, energyCode, errorsCode, uuidCode
        case nameCode
        /// Not 0: a call of it does not return before this is 0 again.
        case hangs
        /// The number of slices, which stand behind the GPUs, ``slicesPerGPU`` for each.
        case slices
    }

    /// What the library as a whole tells.
    package enum Global: Int, Sendable {
        case count, initCode, countCode, startsLeft, starts, calls
    }

    package static let gpuLimit = 16
    package static let slicesPerGPU = 4
    private static let stride = 32
    private static let globals = gpuLimit * (1 + slicesPerGPU) * stride
    private static let byteCount = (globals + 64) * 8

    /// The C compiler, if there is one.
    package static let compiler = ["/usr/bin/cc", "/usr/local/bin/cc", "/usr/bin/clang"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private struct NotBuilt: Error { let output: [String] }

    /// The library; it stands alone in its folder.
    package let path: String
    package var folder: String { URL(fileURLWithPath: path).deletingLastPathComponent().path }
    private let figures: String
    private let descriptor: Int32

    /// Compiles a library with so many healthy GPUs of 80 GiB.
    ///
    /// - Parameter omitted: functions that it lacks.
    package init(_ count: Int = 1, omitting omitted: [String] = [], in folder: TemporaryFolder) throws {
        // A name of its own: a library that was once loaded stays so.
        path = "\(folder.path)/\(UUID().uuidString)/libnvidia-ml.so.1"
        try folder.createFolder(of: path)
        figures = "\(path).figures"
        try Data(count: Self.byteCount).write(to: URL(fileURLWithPath: figures))
        descriptor = open(figures, O_RDWR | O_CLOEXEC)
        let source = "\(path).c"
        let omissions = omitted.map { "-D\($0)=without_\($0)" }
        try Self.code(figures).write(toFile: source, atomically: true, encoding: .utf8)
        let compilation = try ChildProcess(
            Self.compiler ?? "cc",
            ["-shared", "-fPIC", "-O1", "-o", path, source] + omissions
        )
        guard compilation.waitForEnd(.seconds(60)), compilation.exitStatus == 0 else {
            throw NotBuilt(output: compilation.lines)
        }
        set(.count, to: count)
        for gpu in 0..<Self.gpuLimit { setHealthy(gpu) }
    }

    deinit { close(descriptor) }

    package func set(_ slot: Slot, of gpu: Int = 0, to value: UInt64) {
        write(value, at: gpu * Self.stride + slot.rawValue)
    }

    /// The same for a slice of a GPU.
    package func set(_ slot: Slot, ofSlice slice: Int, of gpu: Int = 0, to value: UInt64) {
        write(value, at: (Self.gpuLimit + gpu * Self.slicesPerGPU + slice) * Self.stride + slot.rawValue)
    }

    package func set(_ global: Global, to value: Int) { write(UInt64(value), at: Self.globals + global.rawValue) }

    package func value(_ global: Global) -> Int {
        var value: UInt64 = 0
        pread(descriptor, &value, 8, off_t((Self.globals + global.rawValue) * 8))
        return Int(truncatingIfNeeded: value)
    }

    /// The ids that the library gives.
    package static func uuid(_ gpu: Int) -> String { "GPU-\(gpu)" }
    package static func uuid(ofSlice slice: Int, of gpu: Int = 0) -> String {
        "MIG-\(gpuLimit + gpu * slicesPerGPU + slice)"
    }

    private func setHealthy(_ gpu: Int) {
        let values: [(Slot, UInt64)] = [
            (.total, 80 << 30), (.used, 20 << 30), (.utilization, 50), (.temperature, 60), (.power, 300_000),
            (.energy, 1_000_000), (.corrected, 0), (.uncorrected, 0),
        ]
        for (slot, value) in values { set(slot, of: gpu, to: value) }
        for slice in 0..<Self.slicesPerGPU { set(.total, ofSlice: slice, of: gpu, to: 10 << 30) }
    }

    private func write(_ value: UInt64, at position: Int) {
        var value = value
        pwrite(descriptor, &value, 8, off_t(position * 8))
    }

    private static func code(_ figures: String) -> String {
        let slots = Slot.allCases.map { "\($0) = \($0.rawValue)" }.joined(separator: ", ")
        return """
            #include <fcntl.h>
            #include <stdio.h>
            #include <sys/mman.h>
            #include <unistd.h>
            typedef unsigned long long number;
            enum { \(slots), stride = \(stride), gpu_limit = \(gpuLimit), slices_per_gpu = \(slicesPerGPU) };
            static volatile number *all(void) {
                static volatile number *map = 0;
                if (map == 0) {
                    int file = open("\(figures)", O_RDWR | O_CLOEXEC);
                    map = mmap(0, \(byteCount), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
                    close(file);
                }
                return map;
            }
            #define GLOBALS (all() + \(globals))
            enum { count, initCode, countCode, startsLeft, starts, calls };
            static int answer(void *device, int code) {
                volatile number *slots = device;
                GLOBALS[calls]++;
                while (slots[hangs]) usleep(1000);
                if (GLOBALS[startsLeft] == 0) return 1;
                return (int)slots[code];
            }
            #define SLOT(name) (((volatile number *)device)[name])
            int nvmlInit_v2(void) {
                if (GLOBALS[initCode]) return (int)GLOBALS[initCode];
                GLOBALS[starts]++;
                GLOBALS[startsLeft]++;
                return 0;
            }
            int nvmlShutdown(void) { GLOBALS[startsLeft]--; return 0; }
            int nvmlDeviceGetCount_v2(unsigned *result) {
                *result = (unsigned)GLOBALS[count];
                if (GLOBALS[startsLeft] == 0) return 1;
                return (int)GLOBALS[countCode];
            }
            int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
                if (index >= gpu_limit) return 2;
                *device = (void *)(all() + stride * index);
                return answer(*device, handleCode);
            }
            int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *result) {
                *result = slices_per_gpu;
                return SLOT(slices) ? 0 : 3;
            }
            int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **result) {
                number gpu = ((volatile number *)device - all()) / stride;
                if (index >= SLOT(slices)) return 6;
                *result = (void *)(all() + stride * (gpu_limit + gpu * slices_per_gpu + index));
                return 0;
            }
            int nvmlDeviceGetUUID(void *device, char *text, unsigned size) {
                number index = ((volatile number *)device - all()) / stride;
                snprintf(text, size, "%s-%llu", index < gpu_limit ? "GPU" : "MIG", index);
                return answer(device, uuidCode);
            }
            int nvmlDeviceGetName(void *device, char *text, unsigned size) {
                snprintf(text, size, "Fake H100");
                return answer(device, nameCode);
            }
            int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "570.1"); return 0; }
            int nvmlDeviceGetMemoryInfo(void *device, number *memory) {
                memory[0] = SLOT(total);
                memory[1] = SLOT(total) - SLOT(used);
                memory[2] = SLOT(used);
                return answer(device, memoryCode);
            }
            int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
                rates[0] = (unsigned)SLOT(utilization);
                rates[1] = 7;
                return answer(device, utilizationCode);
            }
            int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *result) {
                *result = (unsigned)SLOT(temperature);
                return sensor == 0 ? answer(device, temperatureCode) : 2;
            }
            int nvmlDeviceGetPowerUsage(void *device, unsigned *result) {
                *result = (unsigned)SLOT(power);
                return answer(device, powerCode);
            }
            int nvmlDeviceGetTotalEnergyConsumption(void *device, number *result) {
                *result = SLOT(energy);
                return answer(device, energyCode);
            }
            int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, number *result) {
                *result = type == 0 ? SLOT(corrected) : SLOT(uncorrected);
                return counter == 1 ? answer(device, errorsCode) : 2;
            }
            const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "Some error"; }

            """
    }
}
