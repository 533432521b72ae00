// What this process holds, as Linux tells it.

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
        let status = text("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        result.memory = status.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        return result
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
