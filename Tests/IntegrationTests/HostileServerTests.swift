import Foundation
import GenAISupport
import TestSupport
import Testing

#if os(Linux)
/// Servers that try to fill the memory of whoever asks them; each case in a process of its own, ten polls or one export.
@Suite("Hostile servers", .serialized, .blocking)
struct HostileServerTests {
    /// An answer that is meant to do harm.
    struct Attack: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let answer: LoopbackAnswer

        static let all = [
            Attack(testDescription: "a body without end, as fast as the network", answer: .torrent),
            Attack(testDescription: "a head without end", answer: .endlessHead),
            Attack(testDescription: "a line of a head without end", answer: .endlessHeadLine),
            Attack(
                testDescription: "a body of one gigabyte, announced",
                answer: .raw(head("Content-Length: 1000000000"))
            ),
            Attack(testDescription: "a body that is compressed", answer: .raw(head("Content-Encoding: gzip"))),
            Attack(testDescription: "interim answers without end", answer: .endlessInterimAnswers),
            Attack(testDescription: "no HTTP", answer: .raw(Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) }))),
        ]

        private static func head(_ field: String) -> Data {
            Data("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n".utf8) + Data(repeating: 32, count: 100_000)
        }
    }

    /// Runs the probe in a process of its own, and tells what it reported.
    private func probe(_ attack: Attack, _ arguments: [String], environment: [String: String] = [:]) throws
        -> FaultReport
    {
        let probe = try ChildProcess(builtProduct("FaultProbe"), arguments, environment: environment)
        defer { probe.stop() }
        let line = try #require(probe.waitForLine(containing: "{", limit: .seconds(150)), "\(probe.lines)")
        let report = try JSONDecoder().decode(FaultReport.self, from: Data(line.utf8))
        print(
            "hostile server: \(arguments[0]), \(attack.testDescription): \((report.seconds * 100).rounded() / 100) s,",
            "RSS \(report.before.memory) KiB, at most \(report.after.peakMemory) KiB"
        )
        #expect(report.isShutDown)
        return report
    }

    private func poll(_ attack: Attack, with poller: String) throws -> FaultReport {
        let server = try LoopbackServer(always: attack.answer)
        defer { server.stop() }
        let report = try probe(attack, [poller, server.url])
        #expect(!report.isDelivered, "nothing of it is a reading")
        return report
    }

    @Test(
        "a collector costs the exporter at most one answer of 4 MiB, and the next export arrives",
        arguments: Attack.all
    )
    func collector(attack: Attack) throws {
        let requests = Locked(0)
        // The probe exports twice before it meets the fault.
        let server = try LoopbackServer { _ in
            requests.withLock { requests in
                requests += 1
                return requests == 3 ? attack.answer : .json("{}")
            }
        }
        defer { server.stop() }
        let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "GENAI_LOG_LEVEL": "none"]
        let report = try probe(attack, ["flush"], environment: environment)
        #expect(report.after.peakMemory - report.before.memory < 16_384)
        #expect(report.after.threads == report.before.threads)
        #expect(report.after.descriptors == report.before.descriptors)
    }

    @Test(
        "an engine costs its poller at most one answer of 4 MiB, and what the allocator makes of it",
        arguments: Attack.all
    )
    func engine(attack: Attack) throws {
        let report = try poll(attack, with: "engine")
        #expect(report.after.peakMemory - report.before.memory < 24_576)
        #expect(report.after.descriptors <= report.before.descriptors)
    }

    @Test("an Ollama is given up after two seconds at most", arguments: Attack.all)
    func ollama(attack: Attack) throws {
        let report = try poll(attack, with: "ollama")
        // URLSession receives faster than it hands on; how much that is, docs/reliability.md tells.
        #expect(report.after.peakMemory - report.before.memory < 131_072)
    }
}
#endif
