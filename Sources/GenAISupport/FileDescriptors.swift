// How many files the process may still open.

import Foundation

enum FileDescriptors {
    /// Whether so many more can be opened at this moment.
    static func areLeft(_ number: Int) -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < number {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            opened.append(descriptor)
        }
        return true
    }
}
