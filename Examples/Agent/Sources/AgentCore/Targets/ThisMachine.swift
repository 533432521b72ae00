// Whether a host, as it stands in a URL, is this machine.

import Foundation
import GenAIOtel
import NIOCore

/// Hosts that only this machine gets to.
enum Loopback {
    static func contains(_ host: String) -> Bool {
        let host = host.lowercased().trimmingCharacters(in: ["[", "]"])
        if host == "localhost" || host == "::1" || host == "0:0:0:0:0:0:0:1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// The name and the addresses that this machine has for others too.
struct ThisMachine: Sendable {
    var name: String
    var addresses: Set<String>

    /// As the system has them at present. The name servers are not asked.
    static var current: ThisMachine {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let devices = (try? System.enumerateDevices()) ?? []
        return ThisMachine(
            name: String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self),
            addresses: Set(devices.compactMap { $0.address?.ipAddress })
        )
    }

    /// Whether this machine answers there: under its name or an address, a loopback one or that of all its interfaces.
    func isMeant(by host: String) -> Bool {
        let host = host.lowercased().trimmingCharacters(in: ["[", "]"])
        if Loopback.contains(host) || host == "0.0.0.0" || host == "::" { return true }
        // Written in one way, and without the interface of a link-local address.
        let bare = String(host.prefix { $0 != "%" })
        if let address = try? SocketAddress(ipAddress: bare, port: 0) {
            return addresses.contains(address.ipAddress ?? bare)
        }
        let name = name.lowercased()
        guard !name.isEmpty else { return false }
        // `gpu1` and `gpu1.example.com` are one machine, `gpu1.example.com` and `gpu1.example.org` are two.
        let isShort = !host.contains(".") || !name.contains(".")
        return host == name || isShort && host.prefix { $0 != "." } == name.prefix { $0 != "." }
    }

    /// The ports of this machine that targets already name.
    func ports(of targets: [EngineTarget]) -> Set<Int> {
        Set(
            targets.compactMap { target in
                guard let host = target.url.host, isMeant(by: host) else { return nil }
                return target.url.port ?? (target.url.scheme == "https" ? 443 : 80)
            }
        )
    }
}
