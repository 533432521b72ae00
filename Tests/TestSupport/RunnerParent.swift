// A process that is named like Ollama and has children with the arguments of its runners.

import Foundation
import GenAISupport

/// A process with a name, and its children, which do what they are told and hold what arguments they are given.
///
/// All of them end at ``stop()``, and at the latest with the process that has started them.
package final class RunnerParent: Sendable {
    package struct NotStarted: Error {
        let output: [String]
    }

    private let folder: URL
    private let parent: ChildProcess
    private let commands = Pipe()
    private let started = Locked<[Int32]>([])

    /// Reads commands, one a line, and starts each as a child, which has the other end of a pipe for input: it ends with
    /// this process.
    private static let script = """
        mkfifo "$0"; exec 3<>"$0"
        while read -r command; do
            eval "$command <\\"$0\\" 3>&- &"
            echo "started $!"
        done
        """

    /// - Parameter name: that of the process, as the system shows it: at most 15 bytes.
    package init(name: String = "ollama") throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "genai-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let shell = folder.appending(path: name).path
        // A process is named by the path that it was started by.
        try FileManager.default.createSymbolicLink(atPath: shell, withDestinationPath: "/bin/sh")
        parent = try ChildProcess(shell, ["-c", Self.script, folder.appending(path: "input").path], input: commands)
    }

    deinit { stop() }

    package var pid: Int32 { parent.pid }

    /// Starts a process that does nothing but wait, with the arguments of a runner.
    ///
    /// - Returns: its id.
    @discardableResult
    package func startRunner(model: String, port: Int, host: String? = "127.0.0.1") throws -> Int32 {
        let address = host.map { " --host \($0)" } ?? ""
        return try start("sh -c 'read x; :' llama-server --model '\(model)' --port \(port)\(address) -np 2")
    }

    /// Starts a command of the shell's language in the background.
    ///
    /// - Returns: the id of its process.
    @discardableResult
    package func start(_ command: String) throws -> Int32 {
        let number = parent.lines.count { $0.hasPrefix("started ") }
        try commands.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
        func ids() -> [Int32] {
            parent.lines.filter { $0.hasPrefix("started ") }.compactMap { Int32($0.dropFirst("started ".count)) }
        }
        guard eventually(within: .seconds(30), { ids().count > number || !parent.isRunning }), ids().count > number
        else { throw NotStarted(output: parent.lines) }
        let id = ids()[number]
        started.withLock { $0.append(id) }
        // Until then it has its parent's arguments.
        _ = eventually { Self.arguments(id) != Self.arguments(pid) }
        return id
    }

    /// Ends one of the children at once.
    package func end(_ id: Int32) {
        let isOwn = started.withLock { ids in
            defer { ids.removeAll { $0 == id } }
            return ids.contains(id)
        }
        guard isOwn else { return }
        kill(id, SIGKILL)
        // Its parent has not asked for its end: the number is not used again, and the arguments are gone.
        _ = eventually { Self.arguments(id).isEmpty }
    }

    /// Ends all children and the process itself.
    package func stop() {
        let ids = started.withLock { ids in
            defer { ids = [] }
            return ids
        }
        for id in ids { kill(id, SIGKILL) }
        parent.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func arguments(_ id: Int32) -> Data {
        (try? Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline"))) ?? Data()
    }
}
