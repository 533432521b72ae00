// Runs another program for a test, and never leaves it behind.

import Foundation
import GenAISupport

/// A program that was started by a test: its output line by line, and its end.
package final class ChildProcess: Sendable {
    private struct State {
        var lines: [String] = []
        var hasEnded = false
        /// Its output is read by another thread, which may lag behind its end.
        var hasOutputEnded = false
    }

    private let process: Process
    private let state = Monitor(State())

    /// Starts the program; what it prints, on either stream, is collected.
    ///
    /// - Parameter input: what it reads; nothing by default.
    package init(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String]? = nil,
        input: Pipe? = nil
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if let environment { process.environment = environment.merging(Self.sanitizerOptions) { own, _ in own } }
        let pipe = Pipe()
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        process.terminationHandler = { [state] _ in state.mutate { $0.hasEnded = true } }
        self.process = process
        try process.run()
        Self.collect(pipe.fileHandleForReading, in: state)
    }

    /// What the sanitizers are told holds for the programs of a test too.
    private static let sanitizerOptions = ProcessInfo.processInfo.environment.filter { $0.key.hasSuffix("SAN_OPTIONS") }

    package var pid: Int32 { process.processIdentifier }
    package var isRunning: Bool { !state.read { $0.hasEnded } }
    /// The status of a program that has ended by itself; nil while it runs, and for one that a signal has ended.
    package var exitStatus: Int32? {
        !isRunning && process.terminationReason == .exit ? process.terminationStatus : nil
    }
    package var lines: [String] { state.read { $0.lines } }

    /// Waits for a line that contains `text`; nil if none comes within `limit` or before the program's end.
    package func waitForLine(containing text: String, limit: Duration = .seconds(60)) -> String? {
        let found: String?? = state.wait(until: .now + limit) { state in
            if let line = state.lines.first(where: { $0.contains(text) }) { return .some(line) }
            return state.hasEnded && state.hasOutputEnded ? .some(nil) : nil
        }
        return found ?? nil
    }

    /// Waits until something on 127.0.0.1 accepts connections at `port`; false if nothing does within `limit`.
    package func waitForPort(_ port: Int, limit: Duration = .seconds(60)) -> Bool {
        eventually(within: limit) { TCPSocket.canConnect(port) || !isRunning } && isRunning
    }

    /// Asks the program to end, ends it the hard way after five seconds, and returns once it is gone and reaped.
    package func stop() {
        if isRunning { kill(pid, SIGTERM) }
        if !waitForEnd(.seconds(5)) {
            kill(pid, SIGKILL)
            _ = waitForEnd(.seconds(60))
        }
    }

    /// Waits until the program has ended; false if it has not within `limit`.
    package func waitForEnd(_ limit: Duration) -> Bool {
        state.wait(until: .now + limit) { $0.hasEnded ? true : nil } ?? false
    }

    private static func collect(_ output: FileHandle, in state: Monitor<State>) {
        let thread = Thread {
            var rest = Data()
            while case let data = output.availableData, !data.isEmpty {
                rest += data
                while let end = rest.firstIndex(of: 0x0A) {
                    let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                    rest = Data(rest[rest.index(after: end)...])
                    state.mutate { $0.lines.append(line) }
                }
            }
            state.mutate { $0.hasOutputEnded = true }
        }
        thread.start()
    }
}

/// A port of 127.0.0.1 at which nobody listens now.
package func freePort() throws -> Int {
    let (descriptor, port) = try TCPSocket.listen()
    TCPSocket.close(descriptor)
    return port
}
