import Foundation
import Testing

@testable import OllamaPoller

@Suite("OLLAMA_HOST, in Ollama's own forms")
struct OllamaHostTests {
    @Test(
        "what a client makes of it",
        arguments: [
            ("1.2.3.4", "http://1.2.3.4:11434"),
            ("1.2.3.4:1234", "http://1.2.3.4:1234"),
            (":1234", "http://127.0.0.1:1234"),
            ("example.com", "http://example.com:11434"),
            ("example.com:1234", "http://example.com:1234"),
            ("example.com:", "http://example.com:11434"),
            ("http://1.2.3.4", "http://1.2.3.4:80"),
            ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
            ("https://1.2.3.4", "https://1.2.3.4:443"),
            ("HTTPS://1.2.3.4:4321", "https://1.2.3.4:4321"),
            ("https://example.com/ollama", "https://example.com:443/ollama"),
            ("example.com/ollama/", "http://example.com:11434/ollama/"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("http://0.0.0.0:5000", "http://127.0.0.1:5000"),
            ("[::]", "http://[::1]:11434"),
            ("::", "http://[::1]:11434"),
            ("[::]:5000", "http://[::1]:5000"),
            ("[::0]", "http://[::1]:11434"),
            ("[0:0:0:0:0:0:0:0]:5000", "http://[::1]:5000"),
            ("::ffff:0.0.0.0", "http://127.0.0.1:11434"),
            ("[::ffff:0.0.0.0]:5000", "http://127.0.0.1:5000"),
            ("::ffff:127.0.0.1", "http://127.0.0.1:11434"),
            ("[::ffff:10.0.0.7]:5000", "http://10.0.0.7:5000"),
            ("[fe80::5%eth0]:5000", "http://[fe80::5%25eth0]:5000"),
            ("fe80::5%eth0", "http://[fe80::5%25eth0]:11434"),
            ("HTTP://example.com", "http://example.com:11434"),
            ("HTTPS://example.com", "https://example.com:11434"),
            ("Http://example.com:80", "http://example.com:80"),
            ("ollama.com", "https://ollama.com:443"),
            ("ollama.com:80", "http://ollama.com:80"),
            ("http://ollama.com", "http://ollama.com:80"),
            ("http://[::1]", "http://[::1]:80"),
            ("https://[::]/ollama", "https://[::1]:443/ollama"),
            ("", "http://127.0.0.1:11434"),
            (":", "http://127.0.0.1:11434"),
            ("::1", "http://[::1]:11434"),
            ("[::1]", "http://[::1]:11434"),
            ("[fe80::5]:1337", "http://[fe80::5]:1337"),
            (" 1.2.3.4 ", "http://1.2.3.4:11434"),
            ("\"1.2.3.4\"", "http://1.2.3.4:11434"),
            (" ' 1.2.3.4:5 ' ", "http://1.2.3.4:5"),
            ("http://", "http://127.0.0.1:80"),
            ("me:s3cret@host:5", "http://me:s3cret@host:5"),
        ]
    )
    func forms(value: String, expected: String) {
        let host = OllamaHost(value)
        #expect(host.url?.absoluteString == expected)
        #expect(host.problem == nil)
    }

    @Test(
        "a bad port: the default is used, and that is said",
        arguments: [
            ("host:66000", "http://host:11434"),
            (":-1", "http://127.0.0.1:11434"),
            (":0", "http://127.0.0.1:11434"),
            ("https://host:none", "https://host:443"),
            ("http://host:99999999999999999999", "http://host:80"),
        ]
    )
    func badPort(value: String, expected: String) {
        let host = OllamaHost(value)
        #expect(host.url?.absoluteString == expected)
        #expect(host.problem?.contains("port") == true)
    }

    @Test(
        "what is no address is not used",
        arguments: ["ftp://host", "unix:///run/ollama.sock", "a b", "a:b:c", "h\u{0}"]
    )
    func unusable(value: String) {
        let host = OllamaHost(value)
        #expect(host.url == nil)
        #expect(host.problem != nil)
    }
}
