#if os(Linux)
import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("Finding Ollama's runners among made processes")
struct RunnerProcessesTests {
    private let made: MadeProcesses
    private var processes: RunnerProcesses

    init() throws {
        made = try MadeProcesses()
        processes = RunnerProcesses(ollamaPort: 11434, root: made.root)
        try made.add(10, name: "ollama", ["/usr/bin/ollama", "serve"])
    }

    private mutating func found() -> [Int] { processes.find().map(\.id).sorted() }

    @Test("a child of a process named ollama that has a port and a model")
    mutating func child() throws {
        let arguments = try Fixture.text("runner-mid-cmdline.txt").split(separator: "\n").map(String.init)
        try made.add(11, parent: 10, ["/usr/lib/ollama/llama-server"] + arguments, ticks: 12_345)
        let runner = try #require(processes.find().first)
        #expect(runner.port == 38_003)
        #expect(runner.modelFile.hasSuffix("sha256-836baf95bf6bc52eba4944a7c91e990a32c593513fc0452a2663078614c8d10d"))
        // Made at any time since this machine was started, 123.46 seconds after it.
        let uptime = try #require(Double(String(contentsOfFile: "/proc/uptime", encoding: .utf8).prefix { $0 != " " }))
        let age = Date.now.timeIntervalSince(runner.startTime)
        #expect(abs(age - (uptime - 123.46)) < 5)
        #expect(processes.find() == [runner], "its start stays the same")
    }

    @Test(
        "names and arguments in which nothing may be mistaken",
        arguments: ["a) S 1 (b", "(ollama)", "llama server", ") 7 7 7", "x\n1 2 3"]
    )
    mutating func names(name: String) throws {
        try made.add(11, parent: 10, name: name, MadeProcesses.arguments(model: "/m (1) \n --port", port: 1))
        #expect(found() == [11])
    }

    @Test("what listens elsewhere, or has no port or model of its own, is none")
    mutating func others() throws {
        let hosts = ["0.0.0.0", "::", "192.168.0.5", "example.com", ""]
        for (index, host) in hosts.enumerated() {
            try made.add(20 + index, parent: 10, MadeProcesses.arguments(model: "/m", port: 1, host: host))
        }
        for port in [0, -1, 65_536] {
            try made.add(40 + port % 7, parent: 10, ["x", "--model", "m", "--port", "\(port)"])
        }
        try made.add(50, parent: 10, ["x", "--model", "m", "--port"])
        try made.add(51, parent: 10, ["x", "--port", "80", "--model", ""])
        try made.add(52, parent: 10, ["x", "--port", "80"])
        try made.add(53, parent: 10, ["x", "--model=m", "--port=80"])
        try made.add(54, parent: 10, [])
        try made.add(55, parent: 10, ["x --model m --port 80"])
        #expect(found() == [])
        try made.add(56, parent: 10, MadeProcesses.arguments(model: "/m", port: 1, host: nil))
        try made.add(57, parent: 10, MadeProcesses.arguments(model: "/m", port: 1, host: "localhost"))
        #expect(found() == [56, 57])
    }

    @Test("the children of other processes are not Ollama's", arguments: ["systemd", "ollama-proxy", "notollama", ""])
    mutating func otherParent(name: String) throws {
        try made.add(30, name: name)
        try made.addRunner(31, parent: 30)
        try made.addRunner(32, parent: 999)
        #expect(found() == [])
        try made.addRunner(33, parent: 10)
        #expect(found() == [33])
    }

    @Test("of two Ollamas, the one that listens at the port; by their names alone they can't be told apart")
    mutating func owner() throws {
        try made.add(30, name: "ollama")
        try made.addRunner(11, parent: 10)
        try made.addRunner(31, parent: 30)
        #expect(found() == [11, 31])
        try made.listen(10, at: 11434, inode: 500)
        try made.listen(30, at: 11435, inode: 501)
        #expect(found() == [11, 31], "they have not changed")
        try made.addRunner(32, parent: 30)
        #expect(found() == [11])
        var other = RunnerProcesses(ollamaPort: 11435, root: made.root)
        #expect(other.find().map(\.id).sorted() == [31, 32])
    }

    @Test("the owner of the port may have any name")
    mutating func anyName() throws {
        try made.add(30, name: "my-ai-service")
        try made.addRunner(31, parent: 30)
        try made.listen(30, at: 11434, inode: 77)
        #expect(found() == [31])
    }

    @Test("one with another network is not on this loopback")
    mutating func network() throws {
        try made.link("self/ns/net", to: "net:[1]")
        try made.addRunner(11, parent: 10)
        try made.addRunner(12, parent: 10)
        try made.addRunner(13, parent: 10)
        try made.link("11/ns/net", to: "net:[1]")
        try made.link("12/ns/net", to: "net:[2]")
        #expect(found() == [11, 13], "what can't be read counts as the same")
    }

    @Test("what can't be read is not there: other users' processes, a process that ends just now, no processes at all")
    mutating func unreadable() throws {
        try made.addRunner(11, parent: 10)
        try made.addRunner(12, parent: 10)
        try FileManager.default.removeItem(atPath: "\(made.root)/11/stat")
        try FileManager.default.removeItem(atPath: "\(made.root)/12/cmdline")
        try made.add(13, parent: 10)
        try made.folder.write("13 (x", to: "13/stat")
        #expect(found() == [])
        var nowhere = RunnerProcesses(ollamaPort: 1, root: "/nowhere")
        #expect(nowhere.find() == [])
    }

    @Test("among a thousand others, and beside what is no process")
    mutating func thousand() throws {
        for id in 1_000..<2_000 {
            try made.add(id, parent: 1, name: "worker", ["/usr/bin/worker", "--id", "\(id)", "--port"])
        }
        try made.folder.write("1", to: "uptime")
        try made.folder.write("1", to: "sys/kernel/x")
        try made.addRunner(3_000, parent: 10)
        for _ in 0..<5 { #expect(found() == [3_000]) }
        try made.remove(3_000)
        #expect(found() == [])
    }

    @Test(
        "a new process is found, also one that has its parent's arguments at first; a number that is used again, after a while"
    )
    mutating func changes() throws {
        #expect(found() == [])
        try made.add(11, parent: 10, name: "ollama", ["/usr/bin/ollama", "serve"])
        #expect(found() == [])
        try made.addRunner(11, parent: 10)
        #expect(found() == [11])
        for _ in 0..<5 { _ = found() }
        try made.add(12, parent: 1, name: "ollama")
        try made.addRunner(10, parent: 12)
        let turns = (1...100).first { _ in found() == [10] }
        #expect(turns.map { $0 <= 32 } == true)
        for _ in 0..<40 { #expect(found() == [10]) }
    }

    @Test("one that is started anew under the same number is another one")
    mutating func startedAnew() throws {
        try made.addRunner(11, parent: 10, ticks: 1_000)
        let first = processes.find()
        try made.addRunner(11, parent: 10, ticks: 2_000)
        let second = processes.find()
        #expect(first.count == 1 && second.count == 1 && first != second)
        #expect(first.first.map { $0.startTime + 10 } == second.first?.startTime)
    }
}
#endif
