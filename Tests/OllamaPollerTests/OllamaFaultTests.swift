import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("An Ollama that is dead, broken or hostile")
struct OllamaFaultTests {
    private func down(_ port: Int) -> ServerReading {
        .down(ServerIdentity(engine: "ollama", address: "127.0.0.1", port: port))
    }

    @Test("nobody there: down, without a line above debug")
    func refused() throws {
        let test = try TestPoller(RefusedPort.url)
        let reading = try test.firstReading()
        #expect(reading.withoutProblem == down(RefusedPort.number))
        #expect(reading.problem == "connection refused (is Ollama started, and does it listen there?)")
        #expect(test.log.lines.map(\.level) == [.debug])
        #expect(test.log.messages.first?.contains("connection refused") == true)
    }

    @Test("one that dies leaves no value behind, and is up again when it is back")
    func dies() throws {
        let isDead = Locked(false)
        let server = try LoopbackServer { _ in
            isDead.withLock { $0 } ? .close : .json(answer(entry("a", vram: gibibyte)))
        }
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().models.count == 1)
        isDead.withLock { $0 = true }
        #expect(try test.nextReading(2).withoutProblem == down(server.port))
        isDead.withLock { $0 = false }
        #expect(try test.nextReading(3).models.count == 1)
        #expect(test.log.lines(.warning).count == 1)
        #expect(test.log.lines(.info).last?.contains("after 1 failure") == true)
    }

    @Test("a model that is unloaded is no longer read")
    func unloaded() throws {
        let bodies = Locked([answer(entry("a", vram: 1), entry("b", vram: 2)), answer(entry("b", vram: 2))])
        let server = try LoopbackServer { _ in .json(bodies.withLock { $0.removeFirst() }) }
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().models.map(\.model) == ["a", "b"])
        let second = try test.nextReading(2)
        #expect(second.models.map(\.model) == ["b"])
        #expect(second.modelsLoaded == 1)
    }

    @Test(
        "one that hangs or drips costs no more than the time limit",
        arguments: [
            LoopbackAnswer.hang, .drip(interval: .milliseconds(5)),
        ]
    )
    func slow(answer: LoopbackAnswer) throws {
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        let test = try TestPoller(server.url, timeLimit: .milliseconds(100))
        let reading = try test.firstReading()
        #expect(reading.withoutProblem == down(server.port))
        #expect(reading.problem == "timed out")
        #expect(test.log.lines(.warning).first?.contains("timed out") == true)
        #expect(OllamaPoll.timeLimit == .seconds(2))
    }

    @Test(
        "a huge answer is given up at 4 MiB, announced or not",
        arguments: [
            LoopbackAnswer.response(200, body: Data(repeating: 32, count: 50_000_000)),
            .raw(Data("HTTP/1.1 200 OK\r\n\r\n".utf8) + Data(repeating: 32, count: 50_000_000)),
        ]
    )
    func huge(answer: LoopbackAnswer) throws {
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().withoutProblem == down(server.port))
        #expect(test.log.lines.count == 1)
        #expect(test.log.lines(.warning).first?.contains("larger than 4194304 bytes") == true)
    }

    @Test("a redirect is not followed", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) throws {
        let target = try LoopbackServer(always: .json(answer(entry("a", vram: 1))))
        defer { target.stop() }
        let server = try LoopbackServer(
            always: .response(status, headers: ["Location": "\(target.url)/api/ps"], body: Data(answer().utf8))
        )
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().withoutProblem == down(server.port))
        #expect(target.requests.isEmpty)
        #expect(test.log.lines(.warning).first?.contains("redirect") == true)
    }

    @Test(
        "a status other than 200 is a failure, with advice where there is some",
        arguments: [
            (403, "host name"), (404, "base URL"), (500, "HTTP 500"), (401, "HTTP 401"), (204, "HTTP 204"),
        ]
    )
    func status(status: Int, advice: String) throws {
        let server = try LoopbackServer(always: .json(answer(entry("a", vram: 1)), status: status))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().withoutProblem == down(server.port))
        let line = try #require(test.log.lines(.warning).first)
        #expect(line.contains(advice) && line.contains("HTTP \(status)"))
    }

    @Test(
        "an answer that can't be understood is a failure",
        arguments: [
            LoopbackAnswer.json("{"), .json("{}"), .json(#"{"models":5}"#), .text("<html>"), .text(""),
            .json(String(repeating: "[", count: 1_000_000)),
            .json(String(repeating: "[", count: 500) + String(repeating: "]", count: 500)),
            .raw(Data("no HTTP\r\n\r\n".utf8)), .close, .reset,
            .response(200, headers: ["Content-Encoding": "gzip"], body: Data([31, 139])),
        ]
    )
    func nonsense(answer: LoopbackAnswer) throws {
        let server = try LoopbackServer(always: answer)
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().withoutProblem == down(server.port))
        #expect(test.log.lines(.warning).count == 1)
    }

    @Test("one bad field or entry does not cost the reading")
    func oneBadField() throws {
        let number = String(repeating: "9", count: 400)
        let body = answer(
            #"{"name":"bad","size_vram":\#(number)}"#,
            #"{"name":"yes","size_vram":true}"#,
            "7",
            entry("a", vram: gibibyte)
        )
        let server = try LoopbackServer(always: .json(body))
        defer { server.stop() }
        let test = try TestPoller(server.url, maxVRAM: 4)
        let reading = try test.firstReading()
        #expect(reading.modelsLoaded == 3)
        #expect(reading.models.map(\.kvCacheUsage) == [nil, nil, 25])
        #expect(test.log.lines(.warning).isEmpty)
    }

    @Test("names with control characters are handed on, and never reach the log")
    func controlCharacters() throws {
        let server = try LoopbackServer(always: .json(answer(#"{"name":"a\u001b[2J\nERROR forged","size_vram":1}"#)))
        defer { server.stop() }
        let test = try TestPoller(server.url)
        #expect(try test.firstReading().models.first?.model == "a\u{1b}[2J\nERROR forged")
        #expect(!test.log.messages.joined().contains("forged"))
    }

    @Test("a failure that goes on is logged at its start, once a minute and at its end")
    func throttled() throws {
        let isBroken = Locked(true)
        let server = try LoopbackServer { _ in isBroken.withLock { $0 } ? .response(500) : .json(answer()) }
        defer { server.stop() }
        let test = try TestPoller(server.url)
        _ = try test.firstReading()
        for number in 2...13 { _ = try test.nextReading(number) }
        #expect(test.log.lines(.warning).count == 2)
        #expect(test.log.lines(.warning).last?.contains("11 times") == true)
        isBroken.withLock { $0 = false }
        _ = try test.nextReading(14)
        #expect(test.log.lines(.info).contains { $0.contains("after 13 failures") })
    }
}
