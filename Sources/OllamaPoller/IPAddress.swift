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

    /// The prefix of an IPv4 address that is mapped into IPv6.
    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}
