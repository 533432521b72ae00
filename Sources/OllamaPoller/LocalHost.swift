// Whether an address is this machine: only then does a server there use this machine's GPUs.

import GenAISupport

enum LocalHost {
    /// Whether `host` is a loopback or unspecified address, one of this machine's interfaces, `localhost` or the name of
    /// this machine.
    static func isThisMachine(_ host: String, ownName: String = HostName.current ?? "") -> Bool {
        let host = host.lowercased().trimmingSuffix(".")
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        if let address = IPAddress.bytes(host) { return isLocal(address) || IPAddress.ofInterfaces().contains(address) }
        let ownName = ownName.lowercased().trimmingSuffix(".")
        let isShort = !host.contains(".") || !ownName.contains(".")
        // `gpu1` and `gpu1.example.com` are the same machine, `gpu1.example.com` and `gpu1.example.org` are not.
        return host == ownName || (isShort && host.prefix { $0 != "." } == ownName.prefix { $0 != "." })
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
