import Foundation
import GenAIOtel
import LivePage
import Testing

@testable import AgentCore

@Suite("Where the agent listens, and who may read")
struct ServingTests {
    @Test(
        "addresses",
        arguments: [
            ("127.0.0.1:9464", "127.0.0.1", 9464), ("[::1]:0", "::1", 0), ("localhost:80", "localhost", 80),
            ("0.0.0.0:9464", "0.0.0.0", 9464), ("[::]:9464", "::", 9464),
        ]
    )
    func addresses(text: String, host: String, port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host && address.port == port && address.description == text)
    }

    @Test(
        "what is no address",
        arguments: ["", "9464", ":9464", "a:b", "a:65536", "a:-1", "::1:80", "a b:1", "http://a:1"]
    )
    func noAddress(text: String) { #expect(ListenAddress(text) == nil) }

    @Test("without a token only this machine is served")
    func tokenNeeded() throws {
        var options = AgentOptions()
        for host in ["127.0.0.1", "::1", "localhost"] {
            options.listen = ListenAddress(host: host, port: 0)
            #expect(try options.token([:]) == nil)
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "example.com"] {
            options.listen = ListenAddress(host: host, port: 0)
            #expect(throws: UsageProblem.self) { try options.token([:]) }
            #expect(try options.token(["AGENT_TOKEN": "t"]) != nil)
        }
        options.tokenFile = "/nowhere"
        #expect(throws: UsageProblem.self) { try options.token(["AGENT_TOKEN": "t"]) }
        options.tokenFile = nil
        #expect(throws: UsageProblem.self) { try options.token(["AGENT_TOKEN": " "]) }
    }

    @Test("the token of a file, without the line feed at its end, and shown to nobody")
    func tokenFile() throws {
        let path = NSTemporaryDirectory() + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("s3cret\n".utf8).write(to: URL(fileURLWithPath: path))
        var options = AgentOptions()
        options.tokenFile = path
        let token = try #require(try options.token([:]))
        #expect(token.isIn("Bearer s3cret") && token.isIn("bearer s3cret"))
        for header in [nil, "", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret"] {
            #expect(!token.isIn(header))
        }
        var text = "\(token)"
        dump(token, to: &text)
        #expect(!text.contains("s3cret"))
    }

    @Test(
        "the format that a scraper asks for",
        arguments: [
            (nil, MetricsFormat.prometheus), ("*/*", .prometheus), ("text/plain;version=0.0.4", .prometheus),
            ("application/openmetrics-text; version=1.0.0", .openMetrics),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                .openMetrics
            ),
            ("application/openmetrics-text;version=0.0.1", .prometheus),
            ("text/plain,application/openmetrics-text;version=1.0.0;q=0.5", .prometheus),
            ("application/openmetrics-text;q=0", .prometheus), ("text/html", .prometheus),
        ] as [(String?, MetricsFormat)]
    )
    func format(accept: String?, format: MetricsFormat) { #expect(MetricsFormat(accept: accept) == format) }
}
