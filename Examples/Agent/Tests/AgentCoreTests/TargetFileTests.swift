import Foundation
import GenAIOtel
import Testing

@testable import AgentCore

@Suite("The file of targets")
struct TargetFileTests {
    @Test("a URL on each line; blank lines and comments are nothing")
    func lines() throws {
        let file = try TargetFile(
            """
            # The first rack
            http://gpu-1:8000

              gpu-2:8000/v1/metrics   # the second
            \thttps://gpu-3/metrics?model=a#part\r
            """
        )
        #expect(
            file.entries.map(\.url) == [
                "http://gpu-1:8000", "gpu-2:8000/v1/metrics", "https://gpu-3/metrics?model=a#part",
            ]
        )
        #expect(file.problems.isEmpty)
        #expect(try TargetFile("").entries.isEmpty)
    }

    @Test("what is named is shown the token, what was found is not")
    func tokens() {
        let settings = EngineSettings(environment: ["GENAI_SERVER_METRICS_TOKEN": "s3cret"])
        #expect(settings.targets("http://a:1").map(\.bearerToken) == ["s3cret"])
        #expect(settings.found(at: "http://a:1").map(\.bearerToken) == [nil])
    }

    @Test("what is no URL is left out, without its text: it may hold a password")
    func unusableLines() throws {
        let file = try TargetFile("ftp://me:s3cret@h\nhttp://a:1 http://b:2\nhttp://a:1,b:2\nhttp://gpu-1:8000\n")
        #expect(file.entries.map(\.url) == ["http://gpu-1:8000"])
        #expect(file.problems.map { $0.prefix(6) } == ["Line 1", "Line 2", "Line 3"])
        #expect(!file.problems.joined().contains("s3cret"))
    }

    @Test("Prometheus' file_sd: scheme, path and parameters come from labels, and the rest are attributes")
    func fileSD() throws {
        let file = try TargetFile(
            """
             [
              {"targets": ["gpu-1:8000", "gpu-2:8000"], "labels": {"team": "search", "__meta_x": "y"}},
              {"targets": ["gpu-3"], "labels": {"__scheme__": "https", "__metrics_path__": "/v1/metrics", "__param_model": "a b"}},
              {"targets": []}
             ]
            """
        )
        #expect(
            file.entries == [
                TargetFile.Entry(url: "http://gpu-1:8000", attributes: ["team": "search"]),
                TargetFile.Entry(url: "http://gpu-2:8000", attributes: ["team": "search"]),
                TargetFile.Entry(url: "https://gpu-3/v1/metrics?model=a%20b"),
            ]
        )
    }

    @Test(
        "JSON that is not that of file_sd is an error, and no empty list",
        arguments: ["[", "[1]", #"[{"target": "a"}]"#, #"{"targets": ["a:1"]}"#, "\u{FEFF} {}"]
    )
    func brokenJSON(text: String) { #expect(throws: TargetFile.Unreadable.self) { try TargetFile(text) } }

    @Test(
        "a file with nothing in it that can be used is an error, and no empty list",
        arguments: [#""targets": ["a:1"]"#, "<html>\n</html>", #"[{"targets": ["ftp://a"]}]"#, "\u{0}\u{0}"]
    )
    func nothingUsable(text: String) { #expect(throws: TargetFile.Unreadable.self) { try TargetFile(text) } }

    @Test("a byte-order mark is nothing", arguments: ["a:1", #"[{"targets": ["a:1"]}]"#])
    func byteOrderMark(text: String) throws {
        let file = try TargetFile("\u{FEFF}" + text)
        #expect(file.entries.map(\.url).allSatisfy { $0.hasSuffix("a:1") } && file.entries.count == 1)
        #expect(file.problems.isEmpty)
    }

    @Test("a long file of something else gets few words")
    func manyProblems() throws {
        let file = try TargetFile("a:1\n" + String(repeating: "ftp://b\n", count: 10_000))
        #expect(file.entries.count == 1 && file.problems.count == 20)
    }

    @Test("a file that is not there is an error")
    func missing() { #expect(throws: TargetFile.Unreadable.self) { try TargetFile(contentsOf: "/nowhere/targets") } }
}

@Suite("Which engines are polled")
struct TargetListTests {
    private let environment = [
        "GENAI_SERVER_METRICS_TARGETS": "http://a:1", "GENAI_SERVER_METRICS_TOKEN": "t0ken",
        "GENAI_SERVER_METRICS_INTERVAL": "7",
    ]

    @Test("those of the environment, of the command line and of the file, with what the environment sets for all")
    func named() throws {
        var list = try TargetList(["b:2", "http://c:3/x"], targetsFile: nil, environment: environment)
        list.read(try TargetFile(#"[{"targets": ["d:4"], "labels": {"zone": "1"}}]"#))
        #expect(list.targets.map(\.url.absoluteString) == ["http://a:1", "http://b:2", "http://c:3/x", "http://d:4"])
        #expect(list.targets.allSatisfy { $0.bearerToken == "t0ken" && $0.interval == .seconds(7) })
        #expect(list.targets.last?.attributes == ["zone": "1"])
        list.read(try TargetFile(""))
        #expect(list.targets.count == 3)
    }

    @Test("the token goes to nobody who has credentials of their own")
    func userInfo() throws {
        let list = try TargetList(["http://me:pw@b:2"], targetsFile: nil, environment: environment)
        #expect(list.targets.last?.bearerToken == nil)
    }

    @Test("an engine that is no URL ends the program, without its text")
    func unusable() throws {
        let problem = #expect(throws: UsageProblem.self) {
            try TargetList(["ftp://me:s3cret@h"], targetsFile: nil, environment: [:])
        }
        #expect(problem?.description.contains("s3cret") == false)
        #expect(throws: UsageProblem.self) { try TargetList([], targetsFile: "/nowhere", environment: [:]) }
    }

    @Test(
        "a place that is named in any way is not looked at",
        arguments: [
            "localhost", "127.0.0.1", "[::1]", "0.0.0.0", "gpu-7", "GPU-7.example.com", "10.0.0.7", "[fd00:0::7]",
            "[fe80::7%25eth0]",
        ]
    )
    func candidates(host: String) throws {
        let machine: @Sendable () -> ThisMachine = {
            ThisMachine(name: "gpu-7.example.com", addresses: ["10.0.0.7", "fd00::7", "fe80::7"])
        }
        let all = try TargetList([], targetsFile: nil, environment: [:]).open(Candidate.engines).map(\.port)
        var list = try TargetList(["http://\(host):8000"], targetsFile: nil, environment: [:])
        list.machine = machine
        #expect(all.contains(8000) && all.contains(8080) && all.contains(30000))
        #expect(list.open(Candidate.engines).map(\.port) == all.filter { $0 != 8000 })
        list.finishRound(new: [8000]) { _ in true }
        #expect(list.targets.count == 1, "found before it was named")
        for other in ["gpu-1", "gpu-7.example.org", "10.0.0.8", "[fd00::8]"] {
            var list = try TargetList(["http://\(other):8000"], targetsFile: nil, environment: [:])
            list.machine = machine
            #expect(list.open(Candidate.engines).map(\.port) == all)
        }
    }

    @Test("this machine answers to its own name and addresses")
    func thisMachine() throws {
        let machine = ThisMachine.current
        #expect(machine.isMeant(by: machine.name) && machine.addresses.contains("127.0.0.1"))
        #expect(!machine.isMeant(by: "192.0.2.1") && !machine.isMeant(by: "a-name-of-nobody.example.com"))
        #expect(!ThisMachine(name: "", addresses: []).isMeant(by: "x"))
    }

    @Test("engines that are polled once count once")
    func places() throws {
        func count(_ urls: String...) throws -> Int {
            try Set(TargetList(urls, targetsFile: nil, environment: [:]).targets.map(\.place)).count
        }
        #expect(try count("a:1", "http://a:1", "http://a:1/", "http://me:pw@a:1/metrics", "http://a:1?x=y") == 1)
        #expect(try count("http://a", "https://a", "http://a:1", "http://b", "http://a/x", "http://a?model=m") == 6)
    }

    @Test("what was found is polled until it has been down for an hour, and once it is named, once")
    func found() throws {
        var list = try TargetList([], targetsFile: nil, environment: [:])
        list.finishRound(new: [8000, 30000]) { _ in true }
        #expect(list.targets.map(\.url.absoluteString) == ["http://localhost:8000", "http://localhost:30000"])
        #expect(!list.open(Candidate.engines).map(\.port).contains(8000))
        for _ in 1..<TargetList.patience { list.finishRound(new: []) { $0 == 30000 } }
        #expect(list.targets.count == 2)
        list.finishRound(new: []) { $0 == 30000 }
        #expect(list.targets.map(\.url.absoluteString) == ["http://localhost:30000"])
        list.read(try TargetFile("127.0.0.1:30000"))
        #expect(list.targets.map(\.url.absoluteString) == ["http://127.0.0.1:30000"])
    }

    @Test(
        "which hosts are this machine",
        arguments: [
            ("localhost", true), ("LOCALHOST", true), ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true),
            ("[::1]", true),
            ("127.0.0.1.example.com", false), ("127.example.com", false), ("10.0.0.1", false), ("0.0.0.0", false),
            ("", false),
        ]
    )
    func loopback(host: String, isLoopback: Bool) { #expect(Loopback.contains(host) == isLoopback) }
}
