// Whether an address means this machine: only then do its GPUs say anything about a server there.

import Foundation

enum LocalHost {
    /// Whether `host` is a loopback or unspecified address, `localhost` or the name of this machine.
    static func isThisMachine(_ host: String, ownName: String = LocalHost.ownName) -> Bool {
        let host = host.lowercased().trimmingSuffix(".")
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        if let address = IPAddress.bytes(host) { return isLocal(address) }
        let ownName = ownName.lowercased().trimmingSuffix(".")
        let isShort = !host.contains(".") || !ownName.contains(".")
        // `gpu1` and `gpu1.example.com` are the same machine, `gpu1.example.com` and `gpu1.example.org` are not.
        return host == ownName || (isShort && host.prefix { $0 != "." } == ownName.prefix { $0 != "." })
    }

    /// As the system has it. Foundation's `hostName` would ask the name servers.
    private static var ownName: String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let status = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { gethostname($0.baseAddress!, $0.count - 1) }
        }
        return status == 0 ? String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self) : ""
    }

    private static func isLocal(_ address: [UInt8]) -> Bool {
        if address.starts(with: IPAddress.mappedPrefix) {
            return address[12] == 127 || address[12...].allSatisfy { $0 == 0 }
        }
        return address.dropLast().allSatisfy { $0 == 0 } && address[15] <= 1
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
