// What other processes hold and take, as Linux tells it.

import Foundation

enum OtherProcess {
    /// Resident memory of a process in KiB; 0 on systems without `/proc`.
    static func memory(_ pid: Int32) -> Int {
        let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    /// The processor time of a running process; NaN where it can't be told.
    static func processorSeconds(_ pid: Int32) -> Double {
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
    static var processorSecondsOfEndedChildren: Double {
        var usage = rusage()
        // RUSAGE_CHILDREN, whose type differs between systems.
        getrusage(-1, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}
