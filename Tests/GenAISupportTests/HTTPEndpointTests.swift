import Foundation
import GenAISupport
import Testing

@Suite("URLs that are safe to print")
struct HTTPEndpointTests {
    /// Forms in which a parser finds another URL than the one that was meant.
    static let texts = [
        "http://me:12/s3cret@127.0.0.1:9", "http://me:pw/s3cret@127.0.0.1:9", "http://me:/s3cret@127.0.0.1:9",
        "http://me/s3cret@127.0.0.1:9", "http://me:12?s3cret@127.0.0.1:9", "http://me:12/?s3cret@127.0.0.1:9",
        "http://me:12#s3cret@127.0.0.1:9", "http://me:p@12/s3cret@127.0.0.1:9", "http://me:12//s3cret@127.0.0.1:9",
        "https://me:12/a/s3cret@127.0.0.1:9/metrics", "http://127.0.0.1:9/x http://me:s3cret@127.0.0.1:9",
        "http://127.0.0.1:9/x\nhttp://me:s3cret@127.0.0.1:9", "http://127.0.0.1:9/x;http://me:s3cret@127.0.0.1:9",
        "http://127.0.0.1:9/x|https://s3cret.example.com", "http://127.0.0.1:9 http://s3cret.example.com",
        "http://127.0.0.1:9/\u{0}s3cret", "http://127.0.0.1:9/\u{A0}s3cret", "http://me:\ts3cret@127.0.0.1:9",
        "http://me%3As3cret%40host:9/", "http:me:s3cret@127.0.0.1:9", "http:/me:s3cret@127.0.0.1:9",
        "http:///me:s3cret@127.0.0.1:9", "me:s3cret@127.0.0.1:9", "http://me:s3cret:9/",
    ]

    @Test("a password or a second URL in the wrong place is refused, and nothing of it is quoted", arguments: texts)
    func misread(text: String) throws {
        var environment = EnvironmentReader(["OTEL_EXPORTER_OTLP_ENDPOINT": text])
        #expect(environment.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT") == nil)
        #expect(environment.warnings.count == 1)
        #expect(environment.warnings.first?.hasPrefix("OTEL_EXPORTER_OTLP_ENDPOINT ") == true)
        #expect(environment.warnings.first?.contains("s3cret") == false)
    }

    @Test(
        "the same in a URL that code makes, which has escaped what is in the way",
        arguments: [
            "http://me:12/s3cret@127.0.0.1:9", "http://me:12?s3cret@127.0.0.1:9",
            "http://127.0.0.1:9/x http://me:s3cret@127.0.0.1:9", "http://127.0.0.1:9/x https://s3cret.example.com",
        ]
    )
    func misreadURL(text: String) throws {
        let url = try #require(URL(string: text))
        #expect(throws: HTTPEndpoint.Invalid.self) { try HTTPEndpoint(url.absoluteString) }
    }

    @Test(
        "what is right is taken, and printed without its secrets",
        arguments: [
            ("http://me:12%2Fs3cret@h:9/x", "http://h:9/x"), ("http://me:p@s3cret@h:9/x", "http://h:9/x"),
            ("http://h/probe?target=http://s3cret:9", "http://h/probe"), ("http://h/a%40b?s3cret", "http://h/a%40b"),
            ("http://h:1//metrics#s3cret", "http://h:1//metrics"), ("http://[::1]:9/a:b", "http://[::1]:9/a:b"),
            ("http://s3cret@h", "http://h"),
        ]
    )
    func usable(text: String, description: String) throws {
        #expect(try HTTPEndpoint(text).description == description)
    }

    @Test("a password that is escaped is sent as it was meant")
    func escaped() throws {
        let endpoint = try HTTPEndpoint("http://me:12%2Fs3cret%40%3F@h:9/x")
        #expect(endpoint.authorization == "Basic \(Data("me:12/s3cret@?".utf8).base64EncodedString())")
        #expect(endpoint.host == "h")
    }

    @Test(
        "what can't be meant is refused, and the reason quotes nothing",
        arguments: [
            "http://$(s3cret):4318", "http://${s3cret}:4318", "http://{{s3cret}}:4318", "http://h:4318/$(s3cret)/v1",
            "http://h/?key=${s3cret}", "http:// h", "http://h/a s3cret", "http://h\n", "http://h\u{a0}:1/s3cret",
            "http://h/\u{0}",
            "http://127.0.0.1:9/x http://me:s3cret@127.0.0.1:9", "http://h/,http://me:s3cret@h", "http://http://s3cret",
            "http://h;http://s3cret", "http://me:12/s3cret@127.0.0.1:9",
            "http://me:pw/s3cret@h",
            "http://me:12?s3cret@h", "http://me:12#s3cret@h", "http://a,b,s3cret", "http://h|s3cret", "http://<s3cret>",
            "http://s3cret*",
            "http://", "h:4318", "ftp://s3cret", "http://h:0", "http://h:99999", "http://h:s3cret", "http://a%20s3cret",
            "http://a[s3cret]",
        ]
    )
    func refused(text: String) {
        do {
            let endpoint = try HTTPEndpoint(text)
            Issue.record("\(text) is taken for \(endpoint)")
        } catch {
            #expect(!"\(error)".contains("s3cret"))
        }
    }

    @Test(
        "what is unusual but right is taken",
        arguments: [
            ("http://me:p%2Fw%40x@h:1/p", "http://h:1/p"), ("http://[::1]:4318", "http://[::1]:4318"),
            ("HTTPS://my_host.svc.cluster.local./a%20b?k=v", "https://my_host.svc.cluster.local./a%20b"),
            ("http://$(name):$pw@h/x", "http://h/x"), ("http://h/a%40b/$x", "http://h/a%40b/$x"),
        ]
    )
    func taken(text: String, description: String) throws {
        #expect(try HTTPEndpoint(text).description == description)
    }

    @Test("a name that is not ASCII is left to the resolver")
    func international() throws {
        #expect(try HTTPEndpoint("http://bücher.example:1/").port == 1)
    }
}
