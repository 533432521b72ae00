// Finds the processes that serve the models of an Ollama on this machine.

import Foundation
import GenAISupport

/// A process that serves one model: llama.cpp's server, started by Ollama (0.30 and later).
struct RunnerProcess: Hashable, Sendable {
    var id: Int
    /// Its port on 127.0.0.1.
    var port: Int
    /// The file of the model's weights.
    var modelFile: String
    /// When it was started. Tells the process from an earlier one with the same number.
    var startTime: Date
}

/// The runners among this machine's processes, found by the arguments that Ollama gives them.
///
/// The arguments of a process do not change after its start. So each process is looked at a few times, and then only now and
/// then, because the system uses numbers of processes again.
struct RunnerProcesses {
    private struct Candidate: Equatable {
        var process: RunnerProcess
        var parent: Int
    }

    /// The folder in which Linux shows its processes.
    static let systemRoot = "/proc"

    private let root: String
    /// The port of Ollama itself.
    private let ollamaPort: Int
    /// How often each process that is not a runner was looked at.
    private var looks: [Int: Int] = [:]
    private var turn = 0
    private var candidates: [Candidate] = []
    /// The candidates that belong to Ollama.
    private var runners: [RunnerProcess] = []
    /// When the machine was started, in seconds since 1970. Read once, so that a change of the date does not change the start of
    /// a process.
    private lazy var bootTime = Self.currentBootTime

    /// The number of looks after which a process is left alone. More than one, because a new process has its parent's arguments
    /// for a moment.
    private static let enoughLooks = 3
    /// The number of turns in which all processes are looked at again, a part of them in each turn.
    private static let turns = 32
    /// The names of Ollama's program; Nix uses the second one.
    private static let names: Set = ["ollama", ".ollama-wrapped"]

    init(ollamaPort: Int, root: String = systemRoot) {
        self.ollamaPort = ollamaPort
        self.root = root
    }

    /// The runners of the Ollama that listens on the port. If its process is not known, those of all processes named `ollama`.
    mutating func find() -> [RunnerProcess] {
        let present = findCandidates()
        // Their parents' sockets are read only when the candidates change: a server has thousands of sockets.
        if present != candidates {
            candidates = present
            runners = present.isEmpty ? [] : ofOllama(present)
        }
        return runners
    }

    private func ofOllama(_ candidates: [Candidate]) -> [RunnerProcess] {
        let parents = Set(candidates.map(\.parent))
        let sockets = listeningSockets()
        let owners = parents.filter { owns(sockets, $0) }
        let ollamas = owners.isEmpty ? parents.filter(isOllama) : owners
        return candidates.filter { ollamas.contains($0.parent) }.map(\.process)
    }

    // MARK: - Arguments

    private mutating func findCandidates() -> [Candidate] {
        // Processes that are there in the first turn have hardly ever just been started, so one look is enough.
        let firstCount = turn == 0 ? Self.enoughLooks : 1
        turn += 1
        let known = Dictionary(candidates.map { ($0.process.id, $0) }) { first, _ in first }
        var seen: [Int: Int] = [:]
        var result: [Candidate] = []
        for id in processes() {
            let count = looks[id] ?? 0
            guard count < Self.enoughLooks || (id + turn) % Self.turns == 0 else {
                seen[id] = count
                continue
            }
            if let candidate = candidate(id, known[id]) {
                result.append(candidate)
            } else {
                seen[id] = count == 0 ? firstCount : count + 1
            }
        }
        looks = seen
        return result
    }

    /// - Parameter known: the candidate that had this number in the last turn.
    private mutating func candidate(_ id: Int, _ known: Candidate?) -> Candidate? {
        if let known {
            return state(id).flatMap {
                $0.parent == known.parent && startTime($0) == known.process.startTime ? known : nil
            }
                ?? candidate(id, nil)
        }
        guard let arguments = arguments(id), let state = state(id), isReachable(id) else { return nil }
        let process = RunnerProcess(
            id: id,
            port: arguments.port,
            modelFile: arguments.model,
            startTime: startTime(state)
        )
        return Candidate(process: process, parent: state.parent)
    }

    private mutating func startTime(_ state: State) -> Date {
        Date(timeIntervalSince1970: bootTime + state.secondsAfterBoot)
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
        guard let line = read("\(id)/cmdline", upTo: 1 << 16) else { return nil }
        let words = line.split(separator: 0, omittingEmptySubsequences: false)
        func value(_ name: String) -> String? {
            guard let position = words.firstIndex(where: { $0.elementsEqual(name.utf8) }), position + 1 < words.count
            else { return nil }
            return String(decoding: words[position + 1], as: UTF8.self)
        }
        guard let port = value("--port").flatMap({ Int(digits: $0[...]) }), (1...65535).contains(port),
            let model = value("--model"), !model.isEmpty,
            ["127.0.0.1", "localhost", nil].contains(value("--host"))
        else { return nil }
        return (port, model)
    }

    // MARK: - Parents

    private struct State {
        var parent: Int
        var secondsAfterBoot: Double
    }

    /// `pid (name) state ppid ...`: the name may have blanks and parentheses (proc_pid_stat(5)).
    ///
    /// - Returns: nil if the process has ended.
    private func state(_ id: Int) -> State? {
        guard let line = read("\(id)/stat", upTo: 4096), let end = line.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = line[line.index(after: end)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        // A process that has ended stays in the list as a zombie (Z) until its parent collects its status.
        guard fields.count > 19, fields[0].first != UInt8(ascii: "Z"),
            let parent = Int(String(decoding: fields[1], as: UTF8.self)),
            let ticks = Double(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        // Rounded up: a start that is too early would make its counts seem older than they are.
        return State(parent: parent, secondsAfterBoot: (ticks + 1) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The boot time to a hundredth of a second, as exact as the start of a process. `/proc/stat` has only whole seconds.
    private static var currentBootTime: Double {
        func seconds(_ clock: clockid_t) -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        #if os(Linux)
        return seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)
        #else
        return seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC)
        #endif
    }

    private func isOllama(_ id: Int) -> Bool {
        read("\(id)/comm", upTo: 64).map { Self.names.contains(String(decoding: $0, as: UTF8.self).trimmed()) } ?? false
    }

    /// Whether the process has the same loopback interface as this one: a container has its own. Unknown counts as yes.
    private func isReachable(_ id: Int) -> Bool {
        guard let own = link("self/ns/net"), let other = link("\(id)/ns/net") else { return true }
        return own == other
    }

    /// The sockets that listen on Ollama's port, as the kernel names them.
    private func listeningSockets() -> Set<String> {
        var result: Set<String> = []
        for table in ["self/net/tcp", "self/net/tcp6"] {
            // Listening sockets (state 0A) stand first. A server has thousands of others.
            guard let text = read(table, upTo: 1 << 16) else { continue }
            for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
                let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10).map {
                    String(decoding: $0, as: UTF8.self)
                }
                guard fields.count > 9, fields[3] == "0A" else { break }
                guard let port = fields[1].split(separator: ":").last, Int(port, radix: 16) == ollamaPort else {
                    continue
                }
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
                // Signals do not interrupt reading the kernel's own files.
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
