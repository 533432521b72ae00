import Foundation
import Testing

@testable import AgentCore

@Suite("A frame of watch")
struct FrameTests {
    private let plain = Theme(hasColors: false, isUnicode: true)

    private static let view = MachineView(
        servers: [
            MachineView.Server(
                engine: "vllm",
                address: "localhost",
                port: 8000,
                attributes: ["team": "search"],
                state: .serving,
                models: [
                    MachineView.Model(
                        model: "llama-3.1-8b",
                        running: 4,
                        waiting: 8,
                        max: 16,
                        peak: 14,
                        kvCachePercent: 62.4,
                        inputTokensPerSecond: 3_140,
                        outputTokensPerSecond: 812,
                        firstTokenP50: 0.12,
                        firstTokenP95: 1.24,
                        perTokenP50: 0.021,
                        outputHistory: (0..<60).map { $0 < 30 ? nil : Double($0) }
                    )
                ]
            ),
            MachineView.Server(
                engine: "ollama",
                address: "::1",
                port: 11434,
                state: .idle,
                models: []
            ),
            MachineView.Server(
                engine: "sglang",
                address: "gpu-2",
                port: 30000,
                state: .down,
                problem:
                    "the answer is HTTP 404 (SGLang serves /metrics, and only if it is started with --enable-metrics)"
            ),
        ],
        gpus: [
            MachineView.GPU(
                id: "GPU-1",
                name: "H100",
                index: 0,
                utilization: 0.87,
                memoryUsage: 61 << 30,
                memoryLimit: 80 << 30,
                temperature: 64,
                power: 412
            ),
            MachineView.GPU(id: "GPU-2", name: nil, index: 1),
        ]
    )

    private func text(_ frame: Frame, columns: Int = 80, rows: Int = 24) -> String {
        frame.lines(Frame.Size(columns: columns, rows: rows)).map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    @Test("at 80 columns")
    func eighty() {
        var frame = Frame(Self.view, theme: plain)
        frame.clock = "12:34:56"
        frame.isInteractive = false
        #expect(
            text(frame) == """
                genai-agent  3 servers, 1 model, 2 GPUs, 1 down                         12:34:56

                  MODEL            run+wait/max   KV cache  out/s  in/s  TTFT   p95  TPOT 1 min
                ○ Ollama  [::1]:11434  no model loaded
                ✖ SGLang  gpu-2:30000  down
                  the answer is HTTP 404 (SGLang serves /metrics, and only if it is started with
                  --enable-metrics)
                ● vLLM  localhost:8000  team=search
                  llama-3.1-8b     █▒▒▒░ 4+8/16   ██░░  62%   812  3.1k 120ms  1.2s  21ms    ▆▇█

                  GPU                 busy             memory                        temp  power
                  0 H100              █████████░  87%  ████████░░ 61.0/80.0 GiB      64°C  412 W
                  1 GPU               ░░░░░░░░░░    –  ░░░░░░░░░░ –                     –      –
                """
        )
    }

    @Test(
        "a screen is filled from top to bottom, and no line is wider",
        arguments: [20, 40, 80, 81, 100, 133, 200, 400]
    )
    func sizes(columns: Int) {
        let hostile = [
            "\u{1B}[31m\u{1B}]0;x\u{7}", "模型模型模型模型模型", "🦙🦙🦙🦙🦙🦙🦙🦙🦙🦙🦙🦙🦙", String(repeating: "x", count: 300), "a\nb",
            "\u{301}e",
        ]
        var view = Self.view
        for (index, name) in hostile.enumerated() {
            var server = view.servers[0]
            server.engine = index == 0 ? name : "vllm"
            server.address = name
            server.attributes = [name: name]
            server.models[0].model = name
            server.problem = name
            view.servers.append(server)
            view.gpus.append(
                MachineView.GPU(
                    id: name,
                    name: name,
                    index: .max,
                    utilization: .nan,
                    memoryUsage: .max,
                    memoryLimit: 1,
                    power: 1e300
                )
            )
        }
        for theme in [plain, Theme(hasColors: true, isUnicode: true), Theme(hasColors: false, isUnicode: false)] {
            for rows in [6, 24, 100] {
                var frame = Frame(view, theme: theme)
                frame.notes = ["x"]
                let lines = frame.lines(Frame.Size(columns: columns, rows: rows))
                #expect(lines.count == rows)
                for line in lines {
                    let bare = line.replacing(/\u{1B}\[[0-9]*m/, with: "")
                    #expect(TerminalText.width(bare) <= columns, "\(bare)")
                    #expect(!bare.unicodeScalars.contains { $0.properties.generalCategory == .control }, "\(bare)")
                    if !theme.hasColors { #expect(!line.contains("\u{1B}")) }
                    if !theme.isUnicode, columns > 100 {
                        #expect(!line.unicodeScalars.contains { (0x2500...0x25FF).contains($0.value) }, "\(line)")
                    }
                }
            }
        }
    }

    @Test("a long list is scrolled, and says what is below")
    func scrolling() {
        var view = MachineView()
        for port in 1...30 {
            view.servers.append(MachineView.Server(engine: "vllm", address: "h", port: port, state: .idle))
        }
        var frame = Frame(view, theme: plain)
        let size = Frame.Size(columns: 80, rows: 14)
        #expect(text(frame, rows: 14).contains("h:9 ") && !text(frame, rows: 14).contains("h:10 "))
        #expect(text(frame, rows: 14).contains("21 more lines below"))
        #expect(frame.lastOffset(size) == 21)
        frame.offset = 21
        #expect(text(frame, rows: 14).contains("h:30 ") && text(frame, rows: 14).contains("the end"))
        #expect(frame.lines(size).count == 14)
        #expect(Frame(MachineView(), theme: plain).lastOffset(size) == 0)
    }

    @Test("sorted by what is asked for; what is equal by name")
    func sorting() {
        func server(_ name: String, running: Int, kv: Double) -> MachineView.Server {
            let model = MachineView.Model(model: name, running: running, waiting: 0, kvCachePercent: kv)
            return MachineView.Server(engine: "vllm", address: name, port: 1, state: .serving, models: [model])
        }
        let view = MachineView(servers: [
            server("b", running: 1, kv: 50), server("a", running: 1, kv: 10), server("c", running: 3, kv: 5),
        ])
        #expect(view.sorted(by: .name).servers.map(\.address) == ["a", "b", "c"])
        #expect(view.sorted(by: .requests).servers.map(\.address) == ["c", "a", "b"])
        #expect(view.sorted(by: .kv).servers.map(\.address) == ["b", "a", "c"])
        #expect(SortKey.allCases.reduce(SortKey.name) { key, _ in key.next } == .name)
    }

    @Test("colours only where they are wanted, and signs that the locale has")
    func themes() {
        func theme(_ environment: [String: String], isTerminal: Bool = true) -> Theme {
            Theme(environment: environment, isTerminal: isTerminal)
        }
        #expect(theme(["LANG": "de_DE.UTF-8"]) == Theme(hasColors: true, isUnicode: true))
        #expect(theme(["LANG": "C.utf8", "NO_COLOR": "1"]) == Theme(hasColors: false, isUnicode: true))
        #expect(theme(["LANG": "C.UTF-8", "NO_COLOR": ""]).hasColors)
        #expect(theme(["LC_ALL": "C", "LANG": "C.UTF-8"]) == Theme(hasColors: true, isUnicode: false))
        #expect(!theme(["TERM": "dumb"]).hasColors)
        #expect(!theme([:], isTerminal: false).hasColors)
        let colors = Frame(Self.view, theme: Theme(hasColors: true, isUnicode: true)).lines(
            Frame.Size(columns: 80, rows: 24)
        )
        // Neither yellow nor blue nor white nor black, which some scheme hides.
        let codes = Set(colors.joined().matches(of: /\u{1B}\[([0-9]*)m/).map { String($0.1) })
        #expect(codes == ["0", "1", "2", "31", "32", "35", "36"])
    }

    @Test("with nothing to see it says where it has looked and what to do")
    func nothing() {
        var frame = Frame(MachineView(), theme: plain)
        frame.notes = WatchNotes.nothing(discovers: true)
        let text = text(frame)
        for part in [
            "No server to see here yet", "Ollama (11434)", "vLLM (8000)", "genai-agent watch --engine",
            "genai-agent check",
        ] {
            #expect(text.contains(part))
        }
        frame.view.gpus = Self.view.gpus
        #expect(self.text(frame).contains("H100") && self.text(frame).contains("No server to see here yet"))
    }

    @Test("what could not be done stands below, whether there is something to see or not")
    func problems() {
        var frame = Frame(Self.view, theme: plain)
        frame.view.problems = ["File of targets: Line 2 is no URL"]
        #expect(text(frame).contains("\n\n  File of targets: Line 2 is no URL"))
        frame.view.servers = []
        frame.view.gpus = []
        frame.notes = ["nothing"]
        #expect(text(frame).contains("nothing\n\n  File of targets: Line 2 is no URL"))
    }

    @Test("a frame overwrites the former one, line by line, without wiping the screen")
    func overwriting() {
        #expect(Terminal.overwriting(["a", "b"]) == "\u{1B}[Ha\u{1B}[K\r\nb\u{1B}[K\u{1B}[J")
    }

    @Test("keys")
    func keys() {
        var screen = WatchScreen()
        func take(_ keys: String) -> Bool { screen.take(Array(keys.utf8), rows: 24) }
        #expect(!take("jj\u{1B}[B") && screen.offset == 3)
        #expect(!take("k\u{1B}[A") && screen.offset == 1)
        #expect(!take("kkk") && screen.offset == 0)
        #expect(!take("jxs") && screen == WatchScreen(sortKey: .requests, offset: 0))
        // No `q` of its own: a key that sends more than it is known for.
        #expect(!take("\u{1B}[q") && !take("\u{1B}"))
        #expect(take("q") && take("\u{3}"))
    }
}

@Suite("The curve of the last minute")
struct SparklineTests {
    private let theme = Theme(hasColors: false, isUnicode: true)

    @Test("the highest is full, nothing is the lowest, and the unknown is blank")
    func levels() {
        #expect(Sparkline.text([nil, 0, 1, 4, 8], theme) == " ▁▂▅█")
        #expect(Sparkline.text([0, 0], theme) == "▁▁")
        #expect(Sparkline.text([], theme) == "")
    }

    @Test("means of what is known")
    func thinned() {
        #expect(Sparkline.thinned([1, 3, nil, 5, nil, nil], to: 3) == [2, 5, nil])
        #expect(Sparkline.thinned([1, 2], to: 2) == [1, 2])
        #expect(Sparkline.thinned([], to: 2) == [nil, nil])
        #expect(Sparkline.thinned([1], to: 0) == [])
    }
}
