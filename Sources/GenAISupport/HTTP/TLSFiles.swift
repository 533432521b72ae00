// The certificate files for TLS connections.

import Foundation

/// Paths of PEM files; nil where none is configured.
package struct TLSFiles: Sendable, Hashable {
    /// Certificate authorities to trust instead of the system's.
    package var certificateAuthorities: String?
    /// The client's certificate.
    package var clientCertificate: String?
    /// The private key of ``clientCertificate``, not encrypted.
    package var clientKey: String?

    package init(certificateAuthorities: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil) {
        self.certificateAuthorities = certificateAuthorities
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
    }

    /// Whether no file is configured.
    package var isEmpty: Bool { self == TLSFiles() }

    /// Checks what can be checked without a connection. Throws ``Unusable`` if a file is missing or has other content,
    /// or if a certificate comes without its key.
    package func validate() throws(Unusable) {
        try validate(certificateAuthorities, "certificate authorities", holds: "CERTIFICATE-----")
        try validate(clientCertificate, "client certificate", holds: "CERTIFICATE-----")
        try validate(clientKey, "client key", holds: "PRIVATE KEY-----")
        guard (clientCertificate == nil) == (clientKey == nil) else {
            throw Unusable(description: "a client certificate and a client key are needed together")
        }
    }

    private func validate(_ path: String?, _ what: String, holds label: String) throws(Unusable) {
        guard let path else { return }
        guard let text = FileManager.default.contents(atPath: path).map({ String(decoding: $0, as: UTF8.self) }) else {
            throw Unusable(description: "the file of the \(what), \(quoted(path)), can't be read")
        }
        guard text.contains("-----BEGIN "), text.contains(label) else {
            throw Unusable(description: "the file of the \(what), \(quoted(path)), holds no PEM of this kind")
        }
        guard !text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----"), !text.contains("Proc-Type: 4,ENCRYPTED") else {
            throw Unusable(
                description: "the \(what), \(quoted(path)), is encrypted; decrypt it, nobody can enter its password"
            )
        }
    }

    /// Why files can't be used.
    package struct Unusable: Error, Hashable, CustomStringConvertible {
        package let description: String
    }
}
