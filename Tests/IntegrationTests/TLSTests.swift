import Foundation
import GenAIOtel
import TestSupport
import Testing

#if os(Linux)
/// TLS as users meet it: a collector with a certificate of its own authority.
@Suite("Export over TLS, to a strict receiver", .serialized, .blocking)
struct TLSTests {
    private let authority: CertificateAuthority
    private let folder: TemporaryFolder
    private let recorder = LogRecorder()

    init() throws {
        authority = try CertificateAuthority()
        folder = try TemporaryFolder()
    }

    /// - Returns: whether the last values were delivered.
    private func export(to receiver: StrictReceiver, change: (inout OTLPConfiguration) -> Void) throws -> Bool {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url])
        configuration.ollama = nil
        configuration.logHandler = recorder.handler
        change(&configuration.otlp)
        let instrumentation = instrument(configuration)
        instrumentation.serverMetrics.setRequestsRunning(3)
        return instrumentation.shutdown(timeout: .seconds(10))
    }

    @Test("a collector is trusted by the configured authority", Program.areThere(.receiver, .receiverPython, .openssl))
    func ownAuthority() throws {
        let receiver = try StrictReceiver(identity: authority.issue("127.0.0.1"))
        defer { receiver.process.stop() }
        #expect(try export(to: receiver) { $0.certificateFile = authority.certificate }, "\(recorder.messages)")
        #expect(try receiver.waitForEntries(1).flatMap(\.findings) == [])
    }

    @Test(
        "a certificate of an unknown authority, for another host or of the past is refused, and nothing is sent",
        Program.areThere(.receiver, .receiverPython, .openssl),
        arguments: ["unknown authority", "other authority", "other host", "expired"]
    )
    func refused(reason: String) throws {
        let identity =
            switch reason {
            case "other host": try authority.issue("collector.example.com")
            case "expired": try authority.issue("127.0.0.1", validity: .past)
            default: try authority.issue("127.0.0.1")
            }
        let receiver = try StrictReceiver(identity: identity)
        defer { receiver.process.stop() }
        let other = try CertificateAuthority()
        let trusted: String? =
            switch reason {
            case "unknown authority": nil
            case "other authority": other.certificate
            default: authority.certificate
            }
        // The files go with their authority.
        let isDelivered = try withExtendedLifetime(other) {
            try export(to: receiver) { $0.certificateFile = trusted }
        }
        #expect(!isDelivered)
        #expect(recorder.lines(.warning).contains { $0.contains("certificate not accepted") }, "\(recorder.messages)")
        #expect(try receiver.entries().isEmpty)
    }

    @Test(
        "a collector that asks for a client certificate gets it, and without it the export fails",
        Program.areThere(.receiver, .receiverPython, .openssl)
    )
    func clientCertificate() throws {
        let receiver = try StrictReceiver(
            identity: authority.issue("127.0.0.1"),
            clientAuthority: authority.certificate
        )
        defer { receiver.process.stop() }
        let client = try authority.issue("client")
        #expect(
            try export(to: receiver) {
                $0.certificateFile = authority.certificate
                $0.clientCertificateFile = client.certificate
                $0.clientKeyFile = client.key
            },
            "\(recorder.messages)"
        )
        #expect(
            try !export(to: receiver) {
                $0.certificateFile = authority.certificate
                $0.timeout = .seconds(1)
            }
        )
        #expect(try receiver.waitForEntries(1).count == 1)
    }

    @Test(
        "a key that belongs to another certificate is an error that is logged, and nothing is sent",
        Program.areThere(.receiver, .receiverPython, .openssl)
    )
    func mismatchedKey() throws {
        let receiver = try StrictReceiver(identity: authority.issue("127.0.0.1"))
        defer { receiver.process.stop() }
        let (one, other) = (try authority.issue("one"), try authority.issue("other"))
        #expect(
            try !export(to: receiver) {
                $0.certificateFile = authority.certificate
                $0.clientCertificateFile = one.certificate
                $0.clientKeyFile = other.key
            }
        )
        #expect(recorder.lines(.warning).contains { $0.contains("certificate not accepted") }, "\(recorder.messages)")
        #expect(try receiver.entries().isEmpty)
    }

    @Test(
        "the last values of a process arrive over TLS too",
        Program.areThere(.receiver, .receiverPython, .openssl),
        arguments: ["return", "exit"]
    )
    func processExit(ending: String) throws {
        let receiver = try StrictReceiver(identity: authority.issue("127.0.0.1"))
        defer { receiver.process.stop() }
        let process = try ChildProcess(
            builtProduct("ExitProbe"),
            [ending],
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate,
                "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
            ]
        )
        defer { process.stop() }
        #expect(process.waitForEnd(.seconds(30)))
        #expect(process.exitStatus == 0)
        #expect(try receiver.waitForEntries(1).flatMap(\.findings) == [])
    }

    /// In a mount namespace of its own, the process sees a store of authorities that has one more.
    @Test(
        "a collector is trusted by an authority in the system's store",
        Program.areThere(.receiver, .receiverPython, .openssl),
        .enabled(if: SystemStore.canBeReplaced, "the system's store can't be replaced for one process here")
    )
    func systemStore() throws {
        let receiver = try StrictReceiver(identity: authority.issue("127.0.0.1"))
        defer { receiver.process.stop() }
        let process = try probeWithStore(
            "return",
            ["OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"]
        )
        defer { process.stop() }
        #expect(process.waitForEnd(.seconds(30)))
        #expect(process.exitStatus == 0, "\(process.lines)")
        #expect(try receiver.waitForEntries(1).flatMap(\.findings) == [])
    }

    /// URLSession has made OpenSSL ready by then, which wants to be cleaned up first when the process ends.
    @Test(
        "the last values arrive over TLS even if something else used the network before",
        Program.areThere(.receiver, .receiverPython, .openssl),
        .enabled(if: SystemStore.canBeReplaced, "the system's store can't be replaced for one process here"),
        arguments: ["terminate", "own-request"]
    )
    func processExitAfterOthers(ending: String) throws {
        let receiver = try StrictReceiver(identity: authority.issue("127.0.0.1"))
        defer { receiver.process.stop() }
        let other = try LoopbackServer(always: .json(#"{"models":[]}"#))
        defer { other.stop() }
        let process = try probeWithStore(
            ending,
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OLLAMA_BASE_URL": other.url, "PROBE_URL": other.url,
                "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "\(ending == "terminate")",
            ]
        )
        defer { process.stop() }
        if ending == "terminate" {
            #expect(process.waitForLine(containing: "ready") != nil)
            #expect(eventually { !other.requests.isEmpty })
            kill(process.pid, SIGTERM)
        }
        #expect(process.waitForEnd(.seconds(30)))
        #expect(process.exitStatus == 0, "\(process.lines)")
        #expect(try receiver.waitForEntries(1).flatMap(\.findings) == [])
    }

    /// The probe, for which this suite's authority is one of the system's.
    private func probeWithStore(_ ending: String, _ environment: [String: String]) throws -> TestSupport.ChildProcess {
        let own = try String(contentsOfFile: authority.certificate, encoding: .utf8)
        let store = try folder.write(String(contentsOfFile: SystemStore.path, encoding: .utf8) + own, to: "store.pem")
        return try ChildProcess(
            "/usr/bin/unshare",
            SystemStore.unshareArguments(replacement: store, command: [builtProduct("ExitProbe"), ending]),
            environment: environment.merging(["PATH": "/usr/bin:/bin:/sbin"]) { $1 }
        )
    }
}

/// The file of trusted authorities that the system's TLS library reads.
private enum SystemStore {
    static let path = "/etc/ssl/certs/ca-certificates.crt"

    /// Whether a process can be given another file in its place, which takes a mount namespace.
    static let canBeReplaced: Bool = {
        guard FileManager.default.fileExists(atPath: path),
            let process = try? ChildProcess(
                "/usr/bin/unshare",
                unshareArguments(replacement: path, command: ["/bin/true"])
            )
        else { return false }
        defer { process.stop() }
        return process.waitForEnd(.seconds(10)) && process.exitStatus == 0
    }()

    static func unshareArguments(replacement: String, command: [String]) -> [String] {
        let script = "mount --bind \"$0\" \(path) && exec \"$@\""
        return ["--map-root-user", "--mount", "/bin/sh", "-c", script, replacement] + command
    }
}
#endif
