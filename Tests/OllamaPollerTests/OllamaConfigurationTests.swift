import Foundation
import TestSupport
import Testing

@testable import OllamaPoller

@Suite("OllamaConfiguration")
struct OllamaConfigurationTests {
    private func configuration(_ environment: [String: String]) -> OllamaConfiguration {
        OllamaConfiguration(environment: environment)
    }

    @Test(
        "the defaults, also where a variable is empty",
        arguments: [[:], ["OLLAMA_BASE_URL": " ", "OLLAMA_HOST": ""]]
    )
    func defaults(environment: [String: String]) {
        let configuration = configuration(environment)
        #expect(configuration.url.absoluteString == "http://localhost:11434")
        #expect(configuration.interval == .seconds(5))
        #expect(configuration.maxVRAMGibibytes == nil)
        #expect(configuration.certificateFile == nil)
        #expect(configuration.warnings.isEmpty)
    }

    @Test("every variable is read")
    func variables() {
        let configuration = configuration([
            "OLLAMA_BASE_URL": "https://gpu.example.com:5000/ollama",
            "OLLAMA_HOST": "1.2.3.4",
            "GENAI_OLLAMA_METRICS_INTERVAL": "2.5",
            "GENAI_OLLAMA_MAX_VRAM_GB": "24",
            "GENAI_OLLAMA_CERTIFICATE": "/ca.pem",
        ])
        #expect(configuration.url.absoluteString == "https://gpu.example.com:5000/ollama")
        #expect(configuration.interval == .milliseconds(2500))
        #expect(configuration.maxVRAMGibibytes == 24)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.certificateFile == "/ca.pem")
        let known = self.configuration(["GENAI_OLLAMA_MAX_VRAM_GB": "24"])
        #expect(OllamaTarget.check(known).target?.maxVRAM == 25_769_803_776)
    }

    @Test(
        "a path that an application's own client needs is not Ollama's",
        arguments: [
            ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434"),
            ("http://127.0.0.1:11434/api", "http://127.0.0.1:11434"),
            ("http://h/v1/", "http://h"), ("https://h/ollama/api/", "https://h/ollama"),
            ("http://h/v1beta", "http://h/v1beta"),
            ("http://h/xapi", "http://h/xapi"), ("http://me:pass@h:1/v1", "http://me:pass@h:1"),
            ("http://[::1]:1/v1", "http://[::1]:1"),
            ("http://h/v1?key=1", "http://h?key=1"), ("http://h//api//", "http://h"),
            ("http://h/a%20b/v1", "http://h/a%20b"),
        ]
    )
    func interfacePath(value: String, expected: String) {
        let configuration = configuration(["OLLAMA_BASE_URL": value])
        #expect(configuration.url.absoluteString == expected)
        #expect(configuration.warnings.isEmpty)
    }

    @Test("runners are read unless it is switched off")
    func runners() {
        #expect(configuration([:]).readsRunners)
        #expect(configuration(["GENAI_OLLAMA_RUNNERS": "true"]).readsRunners)
        #expect(!configuration(["GENAI_OLLAMA_RUNNERS": "False"]).readsRunners)
    }

    @Test("OLLAMA_HOST counts where OLLAMA_BASE_URL is missing or bad")
    func host() {
        #expect(configuration(["OLLAMA_HOST": ":5000"]).url.absoluteString == "http://127.0.0.1:5000")
        let both = configuration(["OLLAMA_BASE_URL": "localhost:11434", "OLLAMA_HOST": "h:1"])
        #expect(both.url.absoluteString == "http://h:1")
        #expect(both.warnings.count == 1)
    }

    @Test(
        "a value that can't be used is ignored with one warning that names the variable",
        arguments: [
            ("OLLAMA_BASE_URL", "file:///etc/s3cret"), ("OLLAMA_BASE_URL", "http://me:s3cret@:80"),
            ("OLLAMA_BASE_URL", "http://h:99999/s3cret"), ("OLLAMA_HOST", "ftp://me:s3cret@h"),
            ("OLLAMA_HOST", "http://me:s3cret@h:port"), ("OLLAMA_BASE_URL", "http://me:12/s3cret@127.0.0.1:9"),
            ("OLLAMA_HOST", "http://me:pw/s3cret@127.0.0.1:9"), ("OLLAMA_HOST", "me:pw/s3cret@127.0.0.1:9"),
            ("OLLAMA_HOST", "me:12?s3cret@127.0.0.1:9"), ("OLLAMA_HOST", "h:1/x http://me:s3cret@h:2"),
            ("GENAI_OLLAMA_METRICS_INTERVAL", "0"), ("GENAI_OLLAMA_METRICS_INTERVAL", "-1"),
            ("GENAI_OLLAMA_METRICS_INTERVAL", "NaN"), ("GENAI_OLLAMA_METRICS_INTERVAL", "inf"),
            ("GENAI_OLLAMA_METRICS_INTERVAL", "1e300"), ("GENAI_OLLAMA_METRICS_INTERVAL", "5s"),
            ("GENAI_OLLAMA_MAX_VRAM_GB", "0"), ("GENAI_OLLAMA_MAX_VRAM_GB", "-24"), ("GENAI_OLLAMA_MAX_VRAM_GB", "nan"),
            ("GENAI_OLLAMA_MAX_VRAM_GB", "inf"), ("GENAI_OLLAMA_MAX_VRAM_GB", "24GB"),
        ]
    )
    func unusable(name: String, value: String) {
        let configuration = configuration([name: value])
        #expect(configuration.warnings.count == 1)
        #expect(configuration.warnings.first?.hasPrefix(name) == true)
        #expect(configuration.warnings.first?.contains("s3cret") == false)
        #expect(configuration.interval == .seconds(5))
        #expect(configuration.maxVRAMGibibytes == nil)
    }

    @Test("read beside others, the warnings stay in the common reader")
    func commonReader() {
        var reader = EnvironmentReader(["GENAI_OLLAMA_METRICS_INTERVAL": "0"])
        #expect(OllamaConfiguration(reading: &reader).warnings.isEmpty)
        #expect(reader.warnings.count == 1)
    }
}

@Suite("What is used of a configuration")
struct OllamaTargetTests {
    private func target(_ change: (inout OllamaConfiguration) throws -> Void) rethrows -> OllamaTarget? {
        var configuration = OllamaConfiguration(environment: [:])
        configuration.maxVRAMGibibytes = 1
        try change(&configuration)
        return OllamaTarget.check(configuration).target
    }

    @Test("an amount of memory that is none is ignored", arguments: [0, -1, .nan, .infinity, 1e300] as [Double])
    func memory(given: Double) {
        #expect(target { $0.maxVRAMGibibytes = given }?.maxVRAM == nil)
    }

    @Test(
        "a URL that can't be polled is no endpoint",
        arguments: ["file:///etc/passwd", "http:", "ftp://host", "relative"]
    )
    func url(text: String) throws {
        #expect(try target { $0.url = try #require(URL(string: text)) } == nil)
    }

    #if os(Linux)
    @Test("with a certificate file that can't be honoured, Ollama is not polled, and an error says why")
    func certificate() throws {
        let folder = try TemporaryFolder()
        let file = "\(folder.path)/ca.pem"
        #expect(target { $0.certificateFile = file } == nil)
        try folder.write("no PEM", to: "ca.pem")
        var configuration = OllamaConfiguration(environment: ["GENAI_OLLAMA_CERTIFICATE": file])
        let (none, notes) = OllamaTarget.check(configuration)
        #expect(none == nil)
        #expect(notes.map(\.level) == [.error])
        let text =
            "Ollama is not polled: the file of the certificate authorities, \"\(file)\", holds no PEM of this kind"
        #expect(notes.map(\.text) == [text])
        try folder.write("-----BEGIN CERTIFICATE-----", to: "ca.pem")
        configuration.maxVRAMGibibytes = 1
        #expect(OllamaTarget.check(configuration).target?.tls.certificateAuthorities == file)
    }
    #endif
}
