// The pipe through which a child process's output comes.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A pipe whose reading end never blocks and whose ends no other child process inherits.
///
/// This process keeps the writing end open too, so the end of the output is not seen here: it comes with the child's.
struct OutputPipe {
    private let readEnd: Int32
    let writeEnd: Int32

    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        // A child that the host starts just now may still inherit them. That does no harm: nobody waits for them to close.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
        _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
    }

    func closeEnds() {
        close(readEnd)
        close(writeEnd)
    }

    /// Takes what has come, until a little over `limit` bytes are there.
    func drain(into output: inout [UInt8], limit: Int) {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while output.count <= limit {
            let count = read(readEnd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            output += buffer[..<count]
        }
    }

    /// Waits for data, at most as long as this.
    func waitForData(milliseconds: Int32) {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
    }
}
