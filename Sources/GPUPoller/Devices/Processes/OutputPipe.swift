// The pipe for a child process's output.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A pipe whose reading end never blocks and whose ends other child processes do not inherit.
///
/// This process keeps the writing end open too. So the pipe does not show the end of the output; the child's end does.
struct OutputPipe {
    private let readEnd: Int32
    let writeEnd: Int32

    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        // A child that the host starts right now may inherit them. That is harmless: nobody waits for them to close.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
        _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
    }

    func closeEnds() {
        close(readEnd)
        close(writeEnd)
    }

    /// Appends the available output, until `output` has a little more than `limit` bytes.
    func drain(into output: inout [UInt8], limit: Int) {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while output.count <= limit {
            let count = read(readEnd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            output += buffer[..<count]
        }
    }

    /// Waits for data, at most for this time.
    func waitForData(milliseconds: Int32) {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
    }
}
