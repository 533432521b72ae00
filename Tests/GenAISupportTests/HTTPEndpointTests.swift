import Foundation
import GenAISupport
import Testing

@Suite("HTTPEndpoint")
struct HTTPEndpointTests {
    @Test(
        "what can't be meant is refused, and the reason quotes nothing",
        arguments: [
            "http://$(s3cret):4318", "http://${s3cret}:4318", "http://{{s3cret}}:4318", "http://h:4318/$(s3cret)/v1",
            "http://h/?key=${s3cret}", "http:// h", "http://h/a s3cret", "http://h\n", "http://h\u{a0}:1/s3cret",
            "http://h/\u{0}",
            "http://127.0.0.1:9/x http://me:s3cret@127.0.0.1:9", "http://h/,http://me:s3cret@h", "http://http://s3cret",
            "http://h;http://s3cret", "https://h/x?u=http://s3cret", "http://me:12/s3cret@127.0.0.1:9",
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
