// A folder for one test's files.

import Foundation

/// A new folder that goes away with this object.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "genai-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try createFolder(of: file)
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }

    package func createFolder(of file: String) throws {
        let folder = URL(filePath: file).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    package func text(_ name: String) -> String? {
        try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }

    /// A shell script that can be executed.
    @discardableResult
    package func writeScript(_ lines: String, to name: String) throws -> String {
        let file = try write("#!/bin/sh\n\(lines)\n", to: name)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        // A process that another test starts just now may have inherited the file, open for writing: it can't be executed
        // until that one has gone on to its own program.
        _ = eventually { hasNoWriter(file) }
        return file
    }
}

private func hasNoWriter(_ file: String) -> Bool {
    #if os(Linux)
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    // A read lease (F_SETLEASE, F_RDLCK) is granted only on a file that nobody has open for writing.
    return fcntl(descriptor, 1024, Int32(F_RDLCK)) == 0
    #else
    return true
    #endif
}
