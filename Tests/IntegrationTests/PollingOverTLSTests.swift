import Foundation
import GenAIOtel
import TestSupport
import Testing

#if os(Linux)
/// Engines and an Ollama behind https, with a certificate of the operator's own authority.
@Suite("Polling over TLS", .blocking)
struct PollingOverTLSTests {
    private let authority: CertificateAuthority
    private let log = LogRecorder()
    private let readings = Monitor<[ServerReading]>([])

    init() throws { authority = try CertificateAuthority() }

    private func firstReading(_ server: FileServer, certificate: String?, token: String? = nil) throws -> ServerReading?
    {
        var environment = ["GENAI_SERVER_METRICS_TARGETS": server.url, "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]
        environment["GENAI_SERVER_METRICS_CERTIFICATE"] = certificate
        let targets = GenAIConfiguration(environment: environment).engines
        let poller = EngineServerMetricsPoller(targets: targets, logHandler: log.handler) { [readings] reading in
            readings.mutate { $0.append(reading) }
        }
        poller.start()
        defer { poller.stop() }
        guard poller.isRunning else { return nil }
        return readings.wait(until: .now + .seconds(30)) { $0.first }
    }

    @Test("an engine is trusted by the configured authority", Program.areThere(.openssl))
    func ownAuthority() throws {
        let server = try FileServer(authority.issue("127.0.0.1"))
        defer { server.stop() }
        let reading = try firstReading(server, certificate: authority.certificate)
        #expect(reading?.isUp == true && reading?.models.first?.requestsRunning == 3, "\(log.messages)")
        #expect(log.lines(.warning).isEmpty)
    }

    @Test(
        "an engine of another authority, for another host or of the past is down and learns nothing",
        Program.areThere(.openssl),
        arguments: ["unknown authority", "other authority", "other host", "expired"]
    )
    func refused(reason: String) throws {
        let identity =
            switch reason {
            case "other host": try authority.issue("engine.example.com")
            case "expired": try authority.issue("127.0.0.1", validity: .past)
            default: try authority.issue("127.0.0.1")
            }
        let server = try FileServer(identity)
        defer { server.stop() }
        let other = try CertificateAuthority()
        let trusted: String? =
            switch reason {
            case "unknown authority": nil
            case "other authority": other.certificate
            default: authority.certificate
            }
        // The files go with their authority.
        let reading = try withExtendedLifetime(other) { try firstReading(server, certificate: trusted) }
        #expect(reading?.isUp == false)
        let line = try #require(log.lines(.warning).first)
        #expect(
            line.contains("certificate not accepted") && line.contains("GENAI_SERVER_METRICS_CERTIFICATE"),
            "\(line)"
        )
        #expect(server.served.isEmpty)
    }

    @Test("without the file of authorities an engine is not polled at all", Program.areThere(.openssl))
    func missingFile() throws {
        let server = try FileServer(authority.issue("127.0.0.1"))
        defer { server.stop() }
        #expect(try firstReading(server, certificate: authority.certificate + ".missing") == nil)
        #expect(log.lines(.error).count == 1)
        #expect(server.served.isEmpty)
    }

    @Test("Ollama is trusted by the configured authority only", Program.areThere(.openssl), arguments: [true, false])
    func ollama(isTrusted: Bool) throws {
        let server = try FileServer(authority.issue("127.0.0.1"))
        defer { server.stop() }
        var environment = ["OLLAMA_BASE_URL": server.url, "GENAI_OLLAMA_MAX_VRAM_GB": "8"]
        environment["GENAI_OLLAMA_CERTIFICATE"] = isTrusted ? authority.certificate : nil
        let configuration = OllamaConfiguration(environment: environment)
        let poller = OllamaServerMetricsPoller(configuration, logHandler: log.handler) { [readings] reading in
            readings.mutate { $0.append(reading) }
        }
        poller.start()
        defer { poller.stop() }
        let reading = try #require(readings.wait(until: .now + .seconds(30)) { $0.first })
        #expect(reading.isUp == isTrusted, "\(log.messages)")
        #expect(server.served.isEmpty != isTrusted)
        let hints = log.lines(.warning).filter { $0.contains("GENAI_OLLAMA_CERTIFICATE") }
        #expect(hints.isEmpty == isTrusted)
    }
}

/// An https server of the openssl program, with an engine's page and an Ollama's.
private struct FileServer {
    let url: String
    private let process: TestSupport.ChildProcess
    private let folder: TemporaryFolder

    init(_ identity: CertificateAuthority.Identity) throws {
        folder = try TemporaryFolder()
        _ = try folder.write("vllm:num_requests_running{model_name=\"m\"} 3\n", to: "metrics")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/api", withIntermediateDirectories: false)
        _ = try folder.write(#"{"models":[]}"#, to: "api/ps")
        process = try ChildProcess(
            "/bin/sh",
            [
                "-c", "cd \"$0\" && exec \"$@\"", folder.path, Program.openssl.requirePath(), "s_server", "-WWW",
                "-accept", "127.0.0.1:0", "-cert", identity.certificate, "-key", identity.key,
            ]
        )
        let line = try #require(process.waitForLine(containing: "ACCEPT"), "\(process.lines)")
        let port = try #require(line.split(separator: ":").last)
        url = "https://127.0.0.1:\(port)"
    }

    /// The files that were sent.
    var served: [String] { process.lines.filter { $0.hasPrefix("FILE:") } }

    func stop() { process.stop() }
}
#endif
