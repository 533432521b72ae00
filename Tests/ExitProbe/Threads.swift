import Foundation

/// Leaves the process so little memory that there is none for a thread's stack.
func refuseThreads() {
    #if os(Linux)
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmSize:") }
    guard let kibibytes = line?.split(separator: " ").dropLast().last.flatMap({ rlim_t($0) }) else { exit(3) }
    // A stack is 8 MiB.
    let room: rlim_t = 4 << 20
    var limit = rlimit(rlim_cur: kibibytes << 10 + room, rlim_max: kibibytes << 10 + room)
    guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(3) }
    #endif
}
