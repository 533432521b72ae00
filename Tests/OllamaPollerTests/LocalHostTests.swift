import Testing

@testable import OllamaPoller

@Suite("Whether an Ollama is on this machine")
struct LocalHostTests {
    @Test(
        "these hosts are",
        arguments: [
            "localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::",
            "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "gpu1", "GPU1", "gpu1.example.com", "gpu1.example.com.",
        ]
    )
    func local(host: String) {
        #expect(LocalHost.isThisMachine(host, ownName: "gpu1.example.com"))
    }

    @Test(
        "these are not",
        arguments: [
            "gpu2", "gpu1.example.org", "gpu1.example.com.evil.net", "localhost.evil.net", "192.168.0.5", "128.0.0.1",
            "::2",
            "fe80::1", "::ffff:10.0.0.1", "2001:db8::1", "ollama", "host.docker.internal",
        ]
    )
    func remote(host: String) {
        #expect(!LocalHost.isThisMachine(host, ownName: "gpu1.example.com"))
    }

    @Test("a short own name is this machine's under any domain")
    func shortName() {
        #expect(LocalHost.isThisMachine("gpu1.example.com", ownName: "gpu1"))
        #expect(!LocalHost.isThisMachine("gpu2", ownName: ""))
    }
}
