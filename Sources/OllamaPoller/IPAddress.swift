// IP addresses as text.

import Foundation

enum IPAddress {
    /// The 16 bytes of an IPv6 address, with or without a zone, or of an IPv4 address mapped into IPv6; otherwise nil.
    static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            return mappedPrefix + withUnsafeBytes(of: &four) { Array($0) }
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &six) == 1 else { return nil }
        return withUnsafeBytes(of: &six) { Array($0) }
    }

    /// The addresses of this machine's interfaces, likewise.
    static func ofInterfaces() -> Set<[UInt8]> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var result: Set<[UInt8]> = []
        var next = first
        while let interface = next?.pointee {
            next = interface.ifa_next
            // Some interfaces have no address.
            guard let address = UnsafeRawPointer(interface.ifa_addr) else { continue }
            switch Int32(address.load(as: sockaddr.self).sa_family) {
            case AF_INET:
                let four = address.loadUnaligned(as: sockaddr_in.self).sin_addr
                result.insert(mappedPrefix + withUnsafeBytes(of: four) { Array($0) })
            case AF_INET6:
                let six = address.loadUnaligned(as: sockaddr_in6.self).sin6_addr
                result.insert(withUnsafeBytes(of: six) { Array($0) })
            default: break
            }
        }
        return result
    }

    /// The prefix of an IPv4 address that is mapped into IPv6.
    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}
