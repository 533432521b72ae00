// Takes away what the library needs of the system.

import Foundation

/// Lets the system start no more threads for this process.
func refuseThreads() {
    #if os(Linux)
    // The limit does not hold for root.
    if getuid() == 0, setuid(65_534) != 0 { exit(3) }
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    guard setrlimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue), &limit) == 0 else { exit(3) }
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
