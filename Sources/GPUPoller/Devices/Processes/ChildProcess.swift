// Runs a program and returns its output, within limits of time and size.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A program that this process has started, in a process group of its own.
package struct ChildProcess: Sendable {
    /// Why there is no output.
    package enum Failure: Error, CustomStringConvertible {
        case notStarted(code: Int32)
        case failed(status: Int32)
        /// Killed by this process. `unreaped` is set if it has not ended even so.
        case killed(Reason, unreaped: ChildProcess?)

        package var description: String {
            switch self {
            case .notStarted(let code): "could not be started: \(String(cString: strerror(code)))"
            case .failed(let status) where status & 0x7F != 0: "was ended by signal \(status & 0x7F)"
            case .failed(let status): "ended with status \((status >> 8) & 0xFF)"
            case .killed(let reason, _): reason.rawValue
            }
        }
    }

    package enum Reason: String, Sendable {
        case timedOut = "took too long"
        case cancelled = "was cancelled"
        case tooMuchOutput = "printed too much"
    }

    private enum Life { case running, ended(status: Int32) }

    /// How often time, cancellation and the child are checked, in milliseconds.
    private static let tick: Int32 = 10
    /// How long to wait for a killed process. The kernel ends it at once, unless it hangs in a driver.
    private static let killLimit: Duration = .seconds(1)

    let id: pid_t

    /// Runs `executable` (an absolute path) and returns what it printed on standard output.
    ///
    /// It gets no input, its errors are dropped, and it inherits no other descriptor. It is killed together with its
    /// children after `timeLimit`, when `isCancelled`, or when it has printed more than `outputLimit` bytes.
    ///
    /// - Parameter usableStatuses: the exit statuses with which its output counts.
    package static func run(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String],
        outputLimit: Int,
        timeLimit: Duration,
        usableStatuses: Set<Int32> = [0],
        isCancelled: () -> Bool
    ) -> Result<[UInt8], Failure> {
        let deadline = ContinuousClock.now + timeLimit
        guard let pipe = OutputPipe() else { return .failure(.notStarted(code: errno)) }
        defer { pipe.closeEnds() }
        let child: ChildProcess
        switch spawn(executable, arguments, environment: environment, output: pipe) {
        case .success(let id): child = ChildProcess(id: id)
        case .failure(let failure): return .failure(failure)
        }
        var output: [UInt8] = []
        while true {
            // In this order: after the end of the process was seen, all output is in the pipe.
            let life = child.lookAfter()
            pipe.drain(into: &output, limit: outputLimit)
            if output.count > outputLimit { return .failure(child.end(.tooMuchOutput)) }
            if case .ended(let status) = life {
                let isUsable = status & 0x7F == 0 && usableStatuses.contains((status >> 8) & 0xFF)
                return isUsable ? .success(output) : .failure(.failed(status: status))
            }
            if isCancelled() { return .failure(child.end(.cancelled)) }
            if ContinuousClock.now >= deadline { return .failure(child.end(.timedOut)) }
            pipe.waitForData(milliseconds: tick)
        }
    }

    /// Collects the status of the process if it has ended, so that it does not stay a zombie.
    ///
    /// - Returns: false if it has not ended yet.
    func reap() -> Bool {
        if case .ended = lookAfter() { true } else { false }
    }

    private func lookAfter() -> Life {
        var status: Int32 = 0
        switch waitpid(id, &status, WNOHANG) {
        case 0: return .running
        case id: return .ended(status: status)
        // The host reaps all children or ignores SIGCHLD. The process has ended; only its output tells how.
        default: return .ended(status: 0)
        }
    }

    /// Kills the process, which was running a moment ago, and its group.
    private func end(_ reason: Reason) -> Failure {
        kill(-id, SIGKILL)
        let deadline = ContinuousClock.now + Self.killLimit
        while !reap() {
            guard ContinuousClock.now < deadline else { return .killed(reason, unreaped: self) }
            _ = poll(nil, 0, 1)
        }
        return .killed(reason, unreaped: nil)
    }
}
