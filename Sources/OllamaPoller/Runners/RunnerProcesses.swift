// Finds the processes by which an Ollama on this machine serves its models.

import Foundation
import GenAISupport

/// A process that serves one model: llama.cpp's server, started by Ollama (0.30 and later).
struct RunnerProcess: Hashable, Sendable {
    var id: Int
    /// On 127.0.0.1.
    var port: Int
    /// The file of the model's weights.
    var modelFile: String
    /// When it was started. Tells a process from an earlier one with the same number.
    var startTime: Date
}

/// The runners among this machine's processes, found by the arguments that Ollama gives them.
///
/// Arguments do not change once a process does its work. So each process is looked at a few times and then left alone, except
/// for a look at all of them once a minute: numbers are used again.
struct RunnerProcesses {
    /// Where the kernel shows its processes.
    private let root: String
    /// The port of Ollama itself.
    private let ollamaPort: Int
    private let timeSource: any TimeSource
    /// How often a process was looked at that is no runner.
    private var looks: [Int: Int] = [:]
    private var nextFullLook: ContinuousClock.Instant?
    /// When the machine was started, in seconds since 1970.
    private lazy var bootTime = readBootTime()

    /// A process that was just started has its parent's arguments for a moment.
    private static let enoughLooks = 3
    private static let fullLookInterval: Duration = .seconds(60)

    init(ollamaPort: Int, timeSource: any TimeSource, root: String = "/proc") {
        self.ollamaPort = ollamaPort
        self.timeSource = timeSource
        self.root = root
    }

    /// The runners of the Ollama that listens on the port, or of any process that is named `ollama`.
    mutating func find() -> [RunnerProcess] {
        let candidates = candidates()
        guard !candidates.isEmpty else { return [] }
        let parents = Set(candidates.map(\.parent))
        let sockets = listeningSockets()
        let owners = parents.filter { owns(sockets, $0) }
        return candidates.filter { candidate in
            owners.isEmpty ? isOllama(candidate.parent) : owners.contains(candidate.parent)
        }.map(\.process)
    }

    // MARK: - Arguments

    private mutating func candidates() -> [(process: RunnerProcess, parent: Int)] {
        let now = timeSource.now
        if nextFullLook.map({ now >= $0 }) ?? true {
            looks = [:]
            nextFullLook = now + Self.fullLookInterval
        }
        var seen: [Int: Int] = [:]
        var result: [(process: RunnerProcess, parent: Int)] = []
        for id in processes() {
            let count = looks[id] ?? 0
            guard count < Self.enoughLooks else {
                seen[id] = count
                continue
            }
            if let arguments = arguments(id), let state = state(id), isReachable(id) {
                let process = RunnerProcess(
                    id: id,
                    port: arguments.port,
                    modelFile: arguments.model,
                    startTime: Date(timeIntervalSince1970: bootTime + state.secondsAfterBoot)
                )
                result.append((process, state.parent))
            } else {
                seen[id] = count + 1
            }
        }
        looks = seen
        return result
    }

    private func processes() -> [Int] {
        guard let folder = opendir(root) else { return [] }
        defer { closedir(folder) }
        var result: [Int] = []
        while let entry = readdir(folder) {
            let id = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { strtol($0, nil, 10) }
            }
            if id > 0 { result.append(id) }
        }
        return result
    }

    /// The port and the model's file, if the process has the arguments of a runner that listens on loopback.
    private func arguments(_ id: Int) -> (port: Int, model: String)? {
        guard let line = read("\(id)/cmdline", upTo: 1 << 16), line.contains(0) else { return nil }
        let words = line.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        func value(_ name: String) -> String? {
            guard let position = words.firstIndex(of: name), position + 1 < words.count else { return nil }
            return words[position + 1]
        }
        guard let port = value("--port").flatMap({ Int(digits: $0[...]) }), (1...65535).contains(port),
            let model = value("--model"), !model.isEmpty,
            ["127.0.0.1", "localhost", nil].contains(value("--host"))
        else { return nil }
        return (port, model)
    }

    // MARK: - Parents

    /// `pid (name) state ppid ...`: the name may have blanks and parentheses (proc_pid_stat(5)).
    private func state(_ id: Int) -> (parent: Int, secondsAfterBoot: Double)? {
        guard let line = read("\(id)/stat", upTo: 4096), let end = line.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = line[line.index(after: end)...].split(separator: UInt8(ascii: " "))
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 19, let parent = Int(fields[1]), let ticks = Double(fields[19]) else { return nil }
        return (parent, ticks / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    private func readBootTime() -> Double {
        let lines = read("stat", upTo: 1 << 20).map { String(decoding: $0, as: UTF8.self).split(separator: "\n") } ?? []
        return lines.first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst("btime ".count)) } ?? 0
    }

    private func isOllama(_ id: Int) -> Bool {
        read("\(id)/comm", upTo: 64).map { String(decoding: $0, as: UTF8.self).hasPrefix("ollama") } ?? false
    }

    /// Whether the process has this one's loopback: in a container it has its own. Unknown counts as yes.
    private func isReachable(_ id: Int) -> Bool {
        guard let own = link("self/ns/net"), let other = link("\(id)/ns/net") else { return true }
        return own == other
    }

    /// What listens on Ollama's port, as the kernel names sockets.
    private func listeningSockets() -> Set<String> {
        var result: Set<String> = []
        for table in ["self/net/tcp", "self/net/tcp6"] {
            guard let text = read(table, upTo: 1 << 20) else { continue }
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                // 0A: listening.
                guard fields.count > 9, fields[3] == "0A", let port = fields[1].split(separator: ":").last,
                    Int(port, radix: 16) == ollamaPort
                else { continue }
                result.insert("socket:[\(fields[9])]")
            }
        }
        return result
    }

    private func owns(_ sockets: Set<String>, _ id: Int) -> Bool {
        guard !sockets.isEmpty, let folder = opendir("\(root)/\(id)/fd") else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let descriptor = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let target = link("\(id)/fd/\(descriptor)"), sockets.contains(target) { return true }
        }
        return false
    }

    // MARK: - Files

    private func read(_ path: String, upTo limit: Int) -> [UInt8]? {
        let file = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var result: [UInt8] = []
        var isAtEnd = false
        while !isAtEnd, result.count < limit {
            let size = min(limit - result.count, 4096)
            let part = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                // A read of the kernel's own files is not interrupted.
                count = max(Foundation.read(file, buffer.baseAddress, size), 0)
            }
            isAtEnd = part.isEmpty
            result += part
        }
        return result
    }

    private func link(_ path: String) -> String? {
        var target = [CChar](repeating: 0, count: 256)
        let count = readlink("\(root)/\(path)", &target, target.count)
        return count > 0 ? String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
}
