// What processes hold and take, as Linux tells it.

import Foundation

/// Threads, descriptors, child processes and memory of this process at one moment.
struct ProcessResources {
    var threads = 0
    var descriptors = 0
    var children = 0
    /// Resident memory in KiB.
    var memory = 0

    /// Reads them now; zeros on systems without `/proc`.
    static var now: ProcessResources {
        var result = ProcessResources()
        let tasks = names("/proc/self/task")
        result.threads = tasks.count
        // One of them is that of the folder itself.
        result.descriptors = names("/proc/self/fd").count - 1
        result.children = tasks.reduce(0) { sum, task in
            sum + (text("/proc/self/task/\(task)/children")?.split(separator: " ").count ?? 0)
        }
        result.memory = memory(of: getpid())
        return result
    }

    /// Resident memory of a process in KiB; 0 on systems without `/proc`.
    static func memory(of pid: Int32) -> Int {
        let status = text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return status.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// The processor time of a running process; NaN where it can't be told.
    static func processorSeconds(of pid: Int32) -> Double {
        #if canImport(Darwin)
        return .nan
        #else
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        #endif
    }

    /// The processor time of all child processes that have ended, and of theirs.
    static var processorSecondsOfChildren: Double {
        var usage = rusage()
        // RUSAGE_CHILDREN, whose type differs between systems.
        getrusage(-1, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
