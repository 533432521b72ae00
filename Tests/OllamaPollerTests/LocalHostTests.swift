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

    @Test("the addresses of this machine's own interfaces are")
    func ownAddresses() {
        let addresses = IPAddress.ofInterfaces()
        #expect(addresses.contains(IPAddress.mappedPrefix + [127, 0, 0, 1]))
        for address in addresses {
            let four = address.starts(with: IPAddress.mappedPrefix) ? Array(address[12...]) : nil
            let groups = stride(from: 0, to: 16, by: 2).map {
                String(Int(address[$0]) << 8 + Int(address[$0 + 1]), radix: 16)
            }
            let host = four.map { $0.map(String.init).joined(separator: ".") } ?? groups.joined(separator: ":")
            #expect(LocalHost.isThisMachine(host, ownName: ""), "\(host)")
            guard four != nil else { continue }
            let configuration = OllamaConfiguration(environment: ["OLLAMA_HOST": "\(host):11434"])
            let (target, notes) = OllamaTarget.check(configuration)
            #expect(target?.isLocal == true && notes.isEmpty)
        }
    }

    @Test("a zone belongs to its interface")
    func zone() throws {
        #expect(IPAddress.bytes("fe80::1%eth0") == IPAddress.bytes("fe80::1"))
        #expect(!LocalHost.isThisMachine("2001:db8::1%eth0", ownName: ""))
    }

    @Test("a short own name is this machine's under any domain")
    func shortName() {
        #expect(LocalHost.isThisMachine("gpu1.example.com", ownName: "gpu1"))
        #expect(!LocalHost.isThisMachine("gpu2", ownName: ""))
    }
}
