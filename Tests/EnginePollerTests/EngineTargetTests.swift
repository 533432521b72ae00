import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import EnginePoller

@Suite("Targets, from code and from the environment", .blocking)
struct EngineTargetTests {
    private func targets(_ list: String, interval: String? = nil, token: String? = nil, certificate: String? = nil) -> (
        urls: [String], all: [EngineTarget], warnings: [String]
    ) {
        var environment = ["GENAI_SERVER_METRICS_TARGETS": list]
        environment["GENAI_SERVER_METRICS_INTERVAL"] = interval
        environment["GENAI_SERVER_METRICS_TOKEN"] = token
        environment["GENAI_SERVER_METRICS_CERTIFICATE"] = certificate
        var reader = EnvironmentReader(environment)
        let targets = EngineTarget.targets(reading: &reader)
        return (targets.map(\.url.absoluteString), targets, reader.warnings)
    }

    private func requests(_ targets: [EngineTarget], _ log: LogRecorder = LogRecorder()) -> [TargetRequest] {
        let (requests, notes) = TargetRequest.requests(for: targets)
        for note in notes { log.log().write(note.level) { note.text } }
        return requests
    }

    @Test("a comma-separated list of URLs")
    func list() {
        let (urls, all, warnings) = targets(" http://a:8000 ,, https://b/v1/metrics,http://[::1]:9/x?y=1 ")
        #expect(urls == ["http://a:8000", "https://b/v1/metrics", "http://[::1]:9/x?y=1"])
        #expect(all.allSatisfy { $0.interval == .seconds(5) })
        #expect(warnings.isEmpty)
        #expect(targets("").urls.isEmpty)
    }

    @Test(
        "commas, semicolons and white space in any mix",
        arguments: [
            "http://a:1/metrics http://me:s3cret@b:2/metrics,h:3",
            "http://a:1/metrics;http://me:s3cret@b:2/metrics; h:3",
            "\n  http://a:1/metrics\n  http://me:s3cret@b:2/metrics\n  h:3\n",
            "http://a:1/metrics\r\n\r\nhttp://me:s3cret@b:2/metrics\th:3",
            ";, http://a:1/metrics ,;\u{A0}"
                + "http://me:s3cret@b:2/metrics ; ,\n,h:3;;",
        ]
    )
    func separators(list: String) {
        let (urls, _, warnings) = targets(list)
        #expect(urls == ["http://a:1/metrics", "http://me:s3cret@b:2/metrics", "http://h:3"])
        #expect(warnings.isEmpty)
    }

    @Test("without a path, or with that of an OpenAI client, it is /metrics", arguments: ["", "/", "/v1", "/v1/"])
    func path(path: String) throws {
        let target = EngineTarget(url: try #require(URL(string: "http://a:1\(path)?x=y")))
        let request = try #require(requests([target]).first)
        #expect(request.endpoint.url.absoluteString == "http://a:1/metrics?x=y")
        #expect(request.identity.path == nil)
    }

    @Test("host and port alone count as http")
    func schemeless() {
        let (urls, _, warnings) = targets("localhost:8000,10.0.0.1:80/metrics,[::1]:8000")
        #expect(urls == ["http://localhost:8000", "http://10.0.0.1:80/metrics", "http://[::1]:8000"])
        #expect(warnings.isEmpty)
    }

    @Test(
        "a bad entry costs itself; its warning names its number and no secret",
        arguments: [
            "ftp://me:s3cret@h/x", "http://", "http://me:s3cret@h:99999", "me:s3cret@h:8000", "localhost",
            "unix:/tmp/s3cret",
            "http://me:s3cret@:80", "file:///s3cret", "http://me:12/s3cret@h", "http://me:pw/s3cret@h:8000",
            "me:12/s3cret@h", "http://h/x|http://me:s3cret@h", "http://me:12?s3cret@h", "http://h/s3cret\u{7}",
            // A password with an unescaped separator: its parts are no entries of their own.
            "http://me:12,s3cret@h:8000", "http://me:12;s3cret@h", "http://me:pw s3cret@h/metrics",
            "http://me:12/a,s3cret:1,b@h", "http://me:s3cret,@h",
        ]
    )
    func bad(entry: String) {
        let (urls, _, warnings) = targets("http://a,\(entry),http://b")
        #expect(urls == ["http://a", "http://b"])
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("GENAI_SERVER_METRICS_TARGETS has an entry (number 2) that ") == true)
        #expect(warnings.first?.contains("s3cret") == false)
    }

    @Test("the interval is in seconds")
    func interval() {
        #expect(targets("http://a", interval: "0.5").all.first?.interval == .milliseconds(500))
        for bad in ["0", "-1", "nan", "inf", "soon"] {
            let (_, all, warnings) = targets("http://a", interval: bad)
            #expect(all.first?.interval == .seconds(5))
            #expect(warnings.count == 1)
        }
    }

    @Test("the token is that of all targets but those with user info")
    func token() throws {
        let (_, all, warnings) = targets("http://a,http://me:s3cret@b,c:1,http://me@d", token: " t0ken\n")
        #expect(all.map(\.bearerToken) == ["t0ken", nil, "t0ken", nil])
        #expect(warnings.isEmpty)
        let authorizations = requests(all).map { request in
            request.headers.first { $0.name == "Authorization" }?.value ?? request.endpoint.authorization
        }
        let basic = ["me:s3cret", "me:"].map { "Basic \(Data($0.utf8).base64EncodedString())" }
        #expect(authorizations == ["Bearer t0ken", basic[0], "Bearer t0ken", basic[1]])
        #expect(targets("http://a", token: "").all.map(\.bearerToken) == [nil])
    }

    @Test(
        "a token that HTTP can't send is not used, and not quoted",
        arguments: ["s3cret\r\nX-Evil: 1", "s3\ncret", "s3cret\u{0}s", "s3cret\u{1B}[1m", "a\u{7F}s3cret"]
    )
    func badToken(token: String) {
        let (urls, all, warnings) = targets("http://a", token: token)
        #expect(urls == ["http://a"])
        #expect(all.map(\.bearerToken) == [nil])
        #expect(
            warnings == [
                "GENAI_SERVER_METRICS_TOKEN has a line break or another control character; polls are sent without it"
            ]
        )
    }

    @Test("the certificate file is that of all targets")
    func certificate() {
        #expect(targets("http://a,https://me@b").all.map(\.certificateFile) == [nil, nil])
        let files = targets("http://a,https://me@b", certificate: " /ca.pem ").all.map(\.certificateFile)
        #expect(files == ["/ca.pem", "/ca.pem"])
    }

    #if os(Linux)
    @Test("a certificate file that can't be honoured: the engine is not polled, and an error says why")
    func badCertificate() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pem").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let log = LogRecorder()
        let url = try #require(URL(string: "https://me:s3cret@h:1/metrics"))
        let other = try #require(URL(string: "https://other"))
        let all = [EngineTarget(url: url, certificateFile: file), EngineTarget(url: other)]
        #expect(requests(all, log).map(\.endpoint.host) == ["other"])
        let line = "The engine at https://h:1/metrics is not polled: the file of the certificate authorities, "
        #expect(log.lines(.error) == [line + "\"\(file)\", can't be read"])
        #expect(log.lines.count == 1)

        try "no PEM".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(requests(all, log).map(\.endpoint.host) == ["other"])
        #expect(log.lines(.error).last == line + "\"\(file)\", holds no PEM of this kind")

        try "-----BEGIN CERTIFICATE-----\n".write(toFile: file, atomically: true, encoding: .utf8)
        let both = requests(all, log)
        #expect(both.map(\.tls.certificateAuthorities) == [file, nil])
        #expect(log.lines.count == 2)

        // Whom to trust does not tell pages apart.
        let again = all + [EngineTarget(url: url)]
        #expect(requests(again, log) == both)
        #expect(log.lines(.warning) == ["The engine at https://h:1/metrics is configured twice; it is polled once"])
    }
    #endif

    @Test("nothing that prints a target prints its secrets")
    func secrets() throws {
        let target = EngineTarget(
            url: try #require(URL(string: "http://me:s3cret@h:1/m?token=s3cret")),
            bearerToken: "s3cret",
            headers: ["X": "s3cret"]
        )
        var dumped = ""
        dump(target, to: &dumped)
        let texts = ["\(target)", String(reflecting: target), dumped, "\([target])", "\(Optional(target) as Any)"]
        for text in texts { #expect(!text.contains("s3cret"), "\(text)") }
        #expect("\(target)" == "EngineTarget(http://h:1/m, every 5.0 seconds)")
        let misread = EngineTarget(url: try #require(URL(string: "http://me:12/s3cret@h")))
        #expect("\(misread)" == "EngineTarget(unusable URL, every 5.0 seconds)")
    }

    @Test("the same target twice is polled once, a different path is another target")
    func twice() throws {
        let log = LogRecorder()
        let all = targets("http://h:1,http://h:1/metrics,http://me:s3cret@h:1/,h:1,http://h:1/other").all
        #expect(requests(all, log).map(\.endpoint.url.absoluteString) == ["http://h:1/metrics", "http://h:1/other"])
        #expect(log.lines(.warning).count == 3)
        #expect(!log.messages.joined().contains("s3cret"))
    }

    private func request(_ url: String, attributes: [String: String] = [:]) throws -> TargetRequest {
        let target = EngineTarget(url: try #require(URL(string: url)), attributes: attributes)
        return try #require(requests([target]).first)
    }

    @Test(
        "a target's identity: host, port, and the path where it is not /metrics",
        arguments: [
            ("http://h:1", nil), ("http://h:1/", nil), ("http://h:1/metrics?x=1", nil),
            ("http://h:1/v1/metrics", "/v1/metrics"), ("http://h:1/upstream/gemma/metrics", "/upstream/gemma/metrics"),
            ("http://h:1/a%20b/metrics", "/a%20b/metrics"),
        ] as [(String, String?)]
    )
    func identity(url: String, path: String?) throws {
        let given = try request(url, attributes: ["team": "x"])
        let expected = ServerIdentity(engine: nil, address: "h", port: 1, path: path, attributes: ["team": "x"])
        #expect(given.identity == expected)
        #expect(given.identity(engine: "vllm").engine == "vllm")
    }

    @Test("the model that the query names is an attribute, unless the target has one")
    func modelOfQuery() throws {
        #expect(try request("http://h:1/metrics?model=a%2Fb").identity.attributes == ["model": "a/b"])
        #expect(
            try request("http://h:1/metrics?model=a", attributes: ["model": "b"]).identity.attributes == ["model": "b"]
        )
        let both = targets("http://h:1/metrics?model=a,http://h:1/metrics?model=b").all
        let log = LogRecorder()
        #expect(requests(both, log).map(\.model) == ["a", "b"])
        #expect(log.lines.isEmpty)
    }

    @Test("targets that can't be told apart: the second is not polled, and the warning says what to do")
    func ambiguous() throws {
        let log = LogRecorder()
        let urls = ["http://h:1/metrics?key=s3cret1", "http://h:1/metrics?key=s3cret2", "http://me:s3cret@h:1/metrics"]
        var all = try urls.map { EngineTarget(url: try #require(URL(string: $0))) }
        #expect(requests(all, log).count == 1)
        #expect(log.lines(.warning).count == 2)
        #expect(log.lines(.warning).allSatisfy { $0.contains("http://h:1/metrics") && $0.contains("attributes") })
        #expect(!log.messages.joined().contains("s3cret"))
        all[1].attributes = ["copy": "2"]
        all[2].attributes = ["copy": "3"]
        #expect(requests(all).count == 3)
    }

    @Test("an attribute that has a name of this package's own is left out, with a warning, and tells nothing apart")
    func reservedAttributes() throws {
        let log = LogRecorder()
        let url = try #require(URL(string: "http://h:1"))
        var all = [EngineTarget(url: url), EngineTarget(url: url, headers: ["x-a": "b"])]
        all[0].attributes = ["engine": "mine", "zone": "a"]
        all[1].attributes = ["server.port": "7", "zone": "a"]
        let kept = requests(all, log)
        #expect(kept.map(\.identity.attributes) == [["zone": "a"]])
        #expect(log.lines(.warning).count { $0.contains("name that this package uses itself") } == 2)
    }

    @Test("one page with different headers is two targets, if they have attributes of their own")
    func headersThatChoose() throws {
        let url = try #require(URL(string: "http://h:1"))
        var all = ["a", "b"].map { EngineTarget(url: url, headers: ["X-Model": $0]) }
        #expect(requests(all).count == 1)
        all[0].attributes = ["model": "a"]
        #expect(requests(all).count == 2)
    }

    @Test(
        "siblings are asked for beside the page, with or without a slash at its end",
        arguments: [
            ("http://h/tgi/metrics/", "http://h/tgi/info"), ("http://h/metrics/", "http://h/info"),
            ("http://h/metrics", "http://h/info"), ("http://h/a/metrics?x=1", "http://h/a/info?x=1"),
            ("http://h/other", "http://h/info"),
        ]
    )
    func siblings(page: String, sibling: String) throws {
        #expect(try request(page).sibling("/info").endpoint.url.absoluteString == sibling)
    }

    @Test("a target with an unusable URL is left out with a warning")
    func unusable() throws {
        let log = LogRecorder()
        let all = try ["ftp://me:s3cret@h", "http://me:12/s3cret@h", "http://h"].map {
            EngineTarget(url: try #require(URL(string: $0)))
        }
        #expect(requests(all, log).map(\.endpoint.host) == ["h"])
        #expect(log.lines(.warning).count == 2)
        #expect(!log.messages.joined().contains("s3cret"))
    }

    @Test("header fields that HTTP forbids are refused, and their values not logged")
    func headers() throws {
        let log = LogRecorder()
        let fields = [
            "X-Good": "a b", "X-Bad": "s3cret\r\nX-Evil: 1", "X\n": "s3cret", "": "s3cret", "X-Nul": "s3cret\u{0}",
        ]
        let target = EngineTarget(
            url: try #require(URL(string: "http://h")),
            bearerToken: "s3cret\n",
            headers: fields
        )
        let request = try #require(requests([target], log).first)
        #expect(request.headers.map(\.name) == ["Accept", "X-Good"])
        #expect(log.lines(.warning).count == 5)
        #expect(!log.messages.joined().contains("s3cret"))
    }
}
