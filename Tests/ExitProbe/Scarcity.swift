// Takes away what the library needs of the system.

import Foundation

/// Leaves the process so little memory that there is none for a thread's stack.
func refuseThreads() {
    #if os(Linux)
    // What the process itself still needs: freed below a piece that stays, it is kept for the next allocations.
    let pieces = (0..<64).map { _ in malloc(64 << 10) }
    for piece in pieces.dropLast() { free(piece) }
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmSize:") }
    guard let kibibytes = line.flatMap({ rlim_t($0.filter(\.isNumber)) }) else { exit(3) }
    // A stack is half a mebibyte.
    let room: rlim_t = 1 << 18
    var limit = rlimit(rlim_cur: kibibytes << 10 + room, rlim_max: kibibytes << 10 + room)
    guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(3) }
    #endif
}

/// Leaves the process nothing to open a file or a socket with.
func takeAllDescriptors() {
    #if os(Linux)
    var limit = rlimit(rlim_cur: 64, rlim_max: 64)
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { exit(3) }
    while open("/dev/null", O_RDONLY) >= 0 {}
    #endif
}
