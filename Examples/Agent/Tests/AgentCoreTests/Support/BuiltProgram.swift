// Runs the program that was built beside the tests.

import Foundation
import Synchronization
import Testing

/// A running `genai-agent`, whose output is kept.
final class BuiltProgram: Sendable {
    private let process: Process
    private let output = Mutex("")
    private let ends: AsyncStream<Int32>

    /// Where SwiftPM puts the program: beside the bundle of the tests.
    static var path: URL {
        let tests = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        return (tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL).appending(path: "genai-agent")
    }

    /// - Parameters:
    ///   - terminal: what it has in place of pipes.
    ///   - output: a pipe for its output that is left to the test.
    init(
        _ arguments: [String],
        environment: [String: String] = [:],
        terminal: PseudoTerminal? = nil,
        output own: Pipe? = nil
    ) throws {
        let process = Process()
        process.executableURL = Self.path
        process.arguments = arguments
        let quiet = ["SWIFT_BACKTRACE": "enable=no", "GENAI_ENABLE_GPU_METRICS": "false", "LC_ALL": "C.UTF-8"]
        process.environment = ProcessInfo.processInfo.environment.merging(quiet) { $1 }.merging(environment) { $1 }
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { continuation.yield($0.terminationReason == .exit ? $0.terminationStatus : -1) }
        self.process = process
        self.ends = ends
        process.standardError = FileHandle.nullDevice
        if let terminal {
            process.standardInput = terminal.slave
            process.standardOutput = terminal.slave
        } else if let own {
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = own
        } else {
            let pipe = Pipe()
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = pipe
            pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
                let data = handle.availableData
                if data.isEmpty { handle.readabilityHandler = nil }
                self?.output.withLock { $0 += String(decoding: data, as: UTF8.self) }
            }
        }
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var text: String { output.withLock { $0 } }
    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    #if os(Linux)
    /// Whether it is stopped, as Ctrl-Z does.
    var isStopped: Bool {
        let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
        return status?.split(separator: ")").last?.hasPrefix(" T") == true
    }
    #endif

    /// Its exit status, once it has ended; -1 if a signal has ended it.
    func status() async -> Int32? { await ends.first { _ in true } }

    /// The port that it says it listens on.
    func port() async throws -> Int {
        try await eventually("it listens") { text.contains("Listening on") && text.hasSuffix("\n") }
        return text.split(separator: ":").last.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }
}

/// A terminal for a program, of which the test sees what it shows.
final class PseudoTerminal: Sendable {
    struct NotThere: Error {}

    let slave: FileHandle
    private let master: Int32
    private let shown = Mutex("")

    init(columns: Int, rows: Int) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        let descriptor = Self.openSlave(of: master)
        guard descriptor >= 0 else { throw NotThere() }
        slave = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        resize(columns: columns, rows: rows)
        let thread = Thread { [weak self, master] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(master, &buffer, buffer.count)
                guard count > 0 else { break }
                let text = String(decoding: buffer[..<count], as: UTF8.self)
                self?.shown.withLock { $0 += text }
            }
        }
        thread.start()
    }

    deinit { close(master) }

    private static func openSlave(of master: Int32) -> Int32 {
        #if canImport(Darwin)
        guard grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master) else { return -1 }
        return open(name, O_RDWR | O_NOCTTY)
        #else
        // What those functions do, which Swift does not see here: TIOCSPTLCK and TIOCGPTN.
        var lock: Int32 = 0
        var number: UInt32 = 0
        guard ioctl(master, 0x4004_5431, &lock) == 0, ioctl(master, 0x8004_5430, &number) == 0 else { return -1 }
        return open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        #endif
    }

    /// All that was written so far.
    var text: String { shown.withLock { $0 } }

    /// Holds up what is written, as Ctrl-S does.
    func stopOutput() { tcflow(slave.fileDescriptor, Int32(TCOOFF)) }

    /// Takes what was written so far away.
    func clear() { shown.withLock { $0 = "" } }

    func type(_ keys: String) { _ = keys.withCString { write(master, $0, strlen($0)) } }

    func resize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Whether keys come line by line, and are shown, as a shell left it.
    var isCooked: Bool {
        var settings = termios()
        return tcgetattr(slave.fileDescriptor, &settings) == 0
            && settings.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }
}
