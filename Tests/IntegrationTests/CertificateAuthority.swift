// Certificates of a test's own, made with the openssl program.

import Foundation
import TestSupport
import Testing

/// A certificate authority that lives as long as the object.
final class CertificateAuthority: Sendable {
    /// Paths of a certificate and its key.
    struct Identity {
        let certificate: String
        let key: String
    }

    /// When a certificate holds.
    enum Validity {
        case now, past

        /// As `openssl ca` takes it.
        fileprivate var dates: [String] {
            switch self {
            case .now: ["-startdate", "20200101000000Z", "-enddate", "20991231000000Z"]
            case .past: ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]
            }
        }
    }

    /// Its own certificate.
    let certificate: String
    private let key: String
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        certificate = "\(folder.path)/ca.pem"
        key = "\(folder.path)/ca.key"
        try openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=a certificate authority for tests",
            "-keyout",
            key,
            "-out",
            certificate
        )
        for (name, text) in [("index.txt", ""), ("serial", "01\n"), ("ca.cnf", configuration)] {
            _ = try folder.write(text, to: name)
        }
    }

    /// A certificate for a host or, with any name, for a client.
    func issue(_ name: String, validity: Validity = .now) throws -> Identity {
        let file = "\(folder.path)/\(UUID().uuidString)"
        let identity = Identity(certificate: "\(file).pem", key: "\(file).key")
        try openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=\(name)",
            "-keyout",
            identity.key,
            "-out",
            "\(file).csr"
        )
        let extensions = try folder.write(
            "subjectAltName=\(name.allSatisfy { $0.isNumber || $0 == "." } ? "IP" : "DNS"):\(name)\n",
            to: "\(UUID().uuidString).ext"
        )
        try openssl(
            ["ca", "-batch", "-notext", "-config", "\(folder.path)/ca.cnf", "-extfile", extensions]
                + validity.dates + ["-in", "\(file).csr", "-out", identity.certificate]
        )
        return identity
    }

    private var configuration: String {
        """
        [ca]
        default_ca = own
        [own]
        database = \(folder.path)/index.txt
        serial = \(folder.path)/serial
        new_certs_dir = \(folder.path)
        certificate = \(certificate)
        private_key = \(key)
        default_md = sha256
        policy = any
        unique_subject = no
        [any]
        commonName = supplied

        """
    }

    private func openssl(_ arguments: String...) throws { try openssl(arguments) }

    private func openssl(_ arguments: [String]) throws {
        let process = try ChildProcess(Program.openssl.requirePath(), arguments)
        defer { process.stop() }
        try #require(process.waitForEnd(.seconds(60)))
        try #require(process.exitStatus == 0, "openssl \(arguments.joined(separator: " ")): \(process.lines)")
    }
}
