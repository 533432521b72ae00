// What this process holds, as Linux tells it.

import Foundation

/// Threads, descriptors, child processes and memory of this process at one moment.
package struct ProcessResources: Codable, Sendable {
    package var threads = 0
    package var descriptors = 0
    package var children = 0
    /// Resident memory in KiB.
    package var memory = 0
    /// The most resident memory that there has been, in KiB.
    package var peakMemory = 0

    /// Reads them now; zeros on systems without `/proc`.
    package static var now: ProcessResources {
        var result = ProcessResources()
        let tasks = names("/proc/self/task")
        result.threads = tasks.count
        // One of them is that of the folder itself.
        result.descriptors = names("/proc/self/fd").count - 1
        result.children = tasks.reduce(0) { sum, task in
            sum + (text("/proc/self/task/\(task)/children")?.split(separator: " ").count ?? 0)
        }
        let status = text("/proc/self/status")?.split(separator: "\n") ?? []
        func kibibytes(_ name: String) -> Int {
            status.first { $0.hasPrefix(name) }.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        }
        result.memory = kibibytes("VmRSS:")
        result.peakMemory = kibibytes("VmHWM:")
        return result
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
