// Runs a program of this package that was built beside the tests.

import Foundation
import Synchronization

/// A running program, whose output is kept.
final class BuiltProgram: Sendable {
    private let process: Process
    private let output = Mutex("")
    private let ends: AsyncStream<Int32>

    /// Starts it. SwiftPM puts the bundle with the tests and the programs into one folder.
    init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let tests = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let folder = tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL
        let process = Process()
        process.executableURL = folder.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SWIFT_BACKTRACE": "enable=no", "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]) { $1 }
            .merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { continuation.yield($0.terminationStatus) }
        self.process = process
        self.ends = ends
        pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.output.withLock { $0 += String(decoding: data, as: UTF8.self) }
        }
        try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    var text: String { output.withLock { $0 } }

    /// Asks it to end, as a service manager does.
    func terminate() { process.terminate() }

    /// Its exit status, once it has ended.
    func status() async -> Int32? { await ends.first { _ in true } }
}
