import AsyncHTTPClient
import GenAIOtel
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Integrations

@Suite("AsyncHTTPClient")
struct TrackedEngineTests {
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    private static let body = ByteBuffer(string: #"{"model": "m", "stream": true}"#)

    private let metrics: ServerMetricsCollector

    init() {
        var requests = RequestConfiguration(environment: [:])
        requests.outcomeOfError = EngineError.outcome
        requests.allowedAttributes = ["tenant"]
        metrics = ServerMetricsCollector(requests: requests)
    }

    private func engine(_ server: LocalServer) -> TrackedEngine {
        TrackedEngine(url: "\(server.url)/v1/chat/completions", metrics: metrics)
    }

    private static func token(_ text: String) -> String {
        #"data: {"choices": [{"index": 0, "delta": {"content": "\#(text)"}}]}"# + "\n\n"
    }

    @Test("the stream is handed on line by line, and its tokens are counted as they come")
    func stream() async throws {
        let gate = Gate()
        let lines = Mutex<[String]>([])
        try await LocalServer.with { _, write in
            try await write(Self.head + Self.token(""))
            // A line comes in as many pieces as the network likes.
            let token = Self.token("Hel")
            try await write(String(token.prefix(20)))
            try await write(String(token.dropFirst(20)))
            await gate.wait()
            try await write(Self.token("lo") + "data: [DONE]\n\n")
        } _: { server in
            try await engine(server).stream(Self.body, model: "m") { line in
                let line = String(buffer: line)
                lines.withLock { $0.append(line) }
                if line.contains("Hel") {
                    #expect(metrics.requestsRunning == 1)
                    #expect(metrics.tokens == ["output": 1])
                    gate.open()
                }
            }
            #expect(server.received.first?.hasSuffix(String(buffer: Self.body)) == true)
        }
        let data = lines.withLock { $0.filter { $0.hasPrefix("data: ") } }
        #expect(data.count == 4)
        #expect(data.last == "data: [DONE]")
        // Each event ends with an empty line.
        #expect(lines.withLock { $0.filter(\.isEmpty).count } >= 3)
        #expect(metrics.ended == ["": 1])
        #expect(metrics.tokens == ["output": 2])
        #expect(metrics.firstTokens == 1)
        #expect(metrics.requestsRunning == 0)
    }

    @Test("what the engine says of its tokens at the end counts, by the attributes of the request")
    func usage() async throws {
        try await LocalServer.with { _, write in
            let usage = #"data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5}}"#
            try await write(Self.head + Self.token("Hello, world") + usage + "\n\ndata: [DONE]\n\n")
        } _: { server in
            try await engine(server).stream(Self.body, model: "m", attributes: ["tenant": "acme"]) { _ in }
        }
        #expect(metrics.tokens == ["input": 12, "output": 5])
        #expect(metrics.points("gen_ai.requests").map { $0.attributes["tenant"] } == ["acme"])
    }

    @Test("an engine that refuses is an error by its status")
    func refused() async throws {
        try await LocalServer.with { _, write in
            try await write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        } _: { server in
            await #expect(throws: EngineError.self) {
                try await engine(server).stream(Self.body, model: "m") { _ in }
            }
        }
        #expect(metrics.ended == ["503": 1])
        #expect(metrics.firstTokens == 0)
    }

    @Test("an engine that goes away in the middle of an answer is an error, and its tokens count")
    func brokenStream() async throws {
        try await LocalServer.with { _, write in
            try await write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + Self.token("Hel"))
        } _: { server in
            await #expect(throws: HTTPParserError.self) {
                try await engine(server).stream(Self.body, model: "m") { _ in }
            }
        }
        #expect(metrics.ended == ["HTTPParserError": 1])
        #expect(metrics.tokens == ["output": 1])
    }

    @Test("an error of the HTTP client counts by its short description, a cancelled call as a client that has gone")
    func outcomes() {
        #expect(EngineError.outcome(of: HTTPClientError.readTimeout) == .failure(errorType: "Read timeout"))
        #expect(EngineError.outcome(of: CancellationError()) == .clientGone)
        #expect(EngineError.outcome(of: HTTPParserError.invalidEOFState) == nil)
    }

    @Test("a client that can't be written to has gone")
    func clientGone() async throws {
        struct BrokenPipe: Error {}
        try await LocalServer.with { _, write in
            try await write(Self.head + Self.token("Hel"))
        } _: { server in
            await #expect(throws: EngineError.self) {
                try await engine(server).stream(Self.body, model: "m") { _ in throw BrokenPipe() }
            }
        }
        #expect(metrics.ended == ["client_gone": 1])
    }

    @Test(
        "a call is no error whose task is cancelled, as servers do when a client hangs up",
        arguments: [true, false]
    )
    func cancelled(isStreaming: Bool) async throws {
        let (reached, gate) = (Gate(), Gate())
        try await LocalServer.with { _, write in
            if isStreaming { try await write(Self.head + Self.token("Hel")) } else { reached.open() }
            await gate.wait()
        } _: { server in
            let engine = engine(server)
            let call = Task { try await engine.stream(Self.body, model: "m") { _ in reached.open() } }
            await reached.wait()
            call.cancel()
            _ = await call.result
            gate.open()
        }
        #expect(metrics.ended == ["client_gone": 1])
    }
}
