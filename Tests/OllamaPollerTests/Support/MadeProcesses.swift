// A folder with what Linux shows of its processes, as far as runners are looked for in it.

import Foundation

@testable import OllamaPoller

/// Processes that are not there.
struct MadeProcesses {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    var root: String { folder.path }

    /// - Parameters:
    ///   - name: as `stat` and `comm` have it.
    ///   - ticks: hundredths of a second from the machine's start to that of the process.
    func add(
        _ id: Int,
        parent: Int = 1,
        name: String = "llama-server",
        _ arguments: [String] = [],
        ticks: Int = 1_000
    ) throws {
        try folder.write(arguments.map { "\($0)\0" }.joined(), to: "\(id)/cmdline")
        try folder.write("\(name)\n", to: "\(id)/comm")
        let fields = "S \(parent) 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 \(ticks) 2703360 394 1 1 1"
        try folder.write("\(id) (\(name)) \(fields)\n", to: "\(id)/stat")
    }

    func addRunner(
        _ id: Int,
        parent: Int,
        model: String = "/blobs/sha256-1",
        port: Int = 40_000,
        ticks: Int = 1_000
    ) throws {
        try add(id, parent: parent, Self.arguments(model: model, port: port), ticks: ticks)
    }

    static func arguments(model: String, port: Int, host: String? = "127.0.0.1") -> [String] {
        ["llama-server", "--model", model, "--port", "\(port)"] + (host.map { ["--host", $0] } ?? []) + ["-np", "2"]
    }

    func remove(_ id: Int) throws { try FileManager.default.removeItem(atPath: "\(root)/\(id)") }

    /// Lets a process listen at a port.
    func listen(_ id: Int, at port: Int, inode: Int) throws {
        try link("\(id)/fd/0", to: "/dev/null")
        try link("\(id)/fd/3", to: "socket:[\(inode)]")
        let table = folder.text("self/net/tcp") ?? "  sl  local_address rem_address   st tx_queue rx_queue ...\n"
        let hex = String(port, radix: 16, uppercase: true)
        let line = "   0: 0100007F:\(hex) 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 \(inode) 1 0\n"
        try folder.write(table + line, to: "self/net/tcp")
    }

    func link(_ path: String, to target: String) throws {
        try folder.createFolder(of: "\(root)/\(path)")
        try? FileManager.default.removeItem(atPath: "\(root)/\(path)")
        try FileManager.default.createSymbolicLink(atPath: "\(root)/\(path)", withDestinationPath: target)
    }
}
