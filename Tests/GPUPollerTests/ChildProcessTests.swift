import Foundation
import Testing

@testable import GPUPoller

@Suite("ChildProcess")
struct ChildProcessTests {
    private func run(_ script: String, environment: [String: String] = [:]) throws -> String {
        let result = ChildProcess.run(
            "/bin/sh",
            ["-c", script],
            environment: environment,
            outputLimit: 1000,
            timeLimit: .seconds(30),
            isCancelled: { false }
        )
        return String(decoding: try result.get(), as: UTF8.self)
    }

    @Test("its output is taken, its errors are not, its input is empty")
    func output() throws {
        #expect(
            try run("echo out; echo error >&2; /bin/cat; echo $NAME", environment: ["NAME": "value"]) == "out\nvalue\n"
        )
    }

    #if os(Linux)
    @Test("it inherits no descriptor but the three standard ones, and no blocked signal")
    func inheritance() throws {
        // Not close-on-exec, and at a number that no shell uses.
        let descriptor = fcntl(STDERR_FILENO, F_DUPFD, 700)
        try #require(descriptor >= 700)
        defer { close(descriptor) }
        var (blocked, before) = (sigset_t(), sigset_t())
        sigfillset(&blocked)
        pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        let open = try run("for file in /proc/$$/fd/*; do echo ${file##*/}; done")
        let descriptors = open.split(separator: "\n").compactMap { Int32($0) }
        #expect(descriptors.contains(0) && descriptors.contains(1) && descriptors.contains(2))
        // The shell may keep one of its own for what it reads.
        #expect(!descriptors.contains(descriptor))
        #expect(try run("exec /bin/grep SigBlk /proc/self/status").contains("SigBlk:\t0000000000000000"))
    }
    #endif

    @Test("what is no program can't be started")
    func notStarted() throws {
        let result = ChildProcess.run(
            "/nowhere/program",
            [],
            environment: [:],
            outputLimit: 1000,
            timeLimit: .seconds(30),
            isCancelled: { false }
        )
        let error = #expect(throws: ChildProcess.Failure.self) { try result.get() }
        #expect("\(try #require(error))".hasPrefix("could not be started: "))
    }

    @Test("output that stays open after its end does not hold anybody up")
    func grandchild() throws {
        let id = try run("/bin/sleep 1000 & echo $!").trimmingCharacters(in: .newlines)
        kill(try #require(pid_t(id)), SIGKILL)
    }
}
