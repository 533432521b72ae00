// The smallest programs that use this package, or do without it: built and run as a user would.

import Foundation
import TestSupport

/// A program of `Tests/MinimalUsers`.
struct MinimalUser {
    struct BuildFailed: Error {
        var program: String
    }

    private let executable: URL
    private let folder: URL
    /// What the build took, of all processors together.
    let buildSeconds: Double

    /// Builds the program in a folder of its own, from nothing.
    init(building name: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("minimal-user-\(UUID().uuidString)")
        executable = folder.appendingPathComponent("release/\(name)")
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../MinimalUsers").standardizedFileURL
        let before = OtherProcess.processorSecondsOfEndedChildren
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "swift", "build", "-c", "release", "--package-path", package.path, "--scratch-path", folder.path,
            "--product", name,
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        buildSeconds = OtherProcess.processorSecondsOfEndedChildren - before
        guard process.terminationStatus == 0 else { throw BuildFailed(program: name) }
    }

    /// Starts it; `line` is what it prints once it is ready.
    func start(_ environment: [String: String]) throws -> (process: ChildProcess, line: String) {
        let own = ProcessInfo.processInfo.environment
        let process = try ChildProcess(executable.path, environment: own.merging(environment) { $1 })
        guard let line = process.waitForLine(containing: "ready") else {
            process.stop()
            throw BuildFailed(program: executable.lastPathComponent)
        }
        return (process, line)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
}
