// Whether an address means this machine: only then do its GPUs say anything about a server there.

import Foundation

enum LocalHost {
    /// Whether `host` is a loopback or unspecified address, `localhost` or the name of this machine.
    static func isThisMachine(_ host: String, ownName: String = LocalHost.ownName) -> Bool {
        let host = host.lowercased().trimmingSuffix(".")
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        if let address = address(host) { return isLocal(address) }
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

    /// The 16 bytes of an IP address; IPv4 is mapped into IPv6.
    private static func address(_ host: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            return [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + withUnsafeBytes(of: &four) { Array($0) }
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(host.prefix { $0 != "%" }), &six) == 1 else { return nil }
        return withUnsafeBytes(of: &six) { Array($0) }
    }

    private static func isLocal(_ address: [UInt8]) -> Bool {
        let isMapped = address.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF])
        if isMapped { return address[12] == 127 || address[12...].allSatisfy { $0 == 0 } }
        return address.dropLast().allSatisfy { $0 == 0 } && address[15] <= 1
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
