// The variable OLLAMA_HOST of Ollama's server and command line, read as a client reads it.

import Foundation

/// A value of `OLLAMA_HOST`, parsed by the rules of Ollama's `envconfig.Host`.
struct OllamaHost {
    /// The server's URL; nil if the value is not an address.
    private(set) var url: URL?
    /// What is wrong with the value. Never quotes it: it may contain a password.
    private(set) var problem: String?

    init(_ value: String) {
        let text = value.trimmed { $0.isWhitespace || $0 == "\"" || $0 == "'" }
        var (scheme, rest) = ("http", Substring(text))
        var defaultPort = 11434
        if let separator = text.range(of: "://") {
            let written = text[..<separator.lowerBound]
            scheme = written.lowercased()
            rest = text[separator.upperBound...]
            // Ollama compares the scheme as it is written.
            defaultPort = written == "https" ? 443 : written == "http" ? 80 : defaultPort
        } else if text == "ollama.com" {
            (scheme, defaultPort) = ("https", 443)
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let (authority, path) = (rest[..<slash], rest[slash...])
        let hostStart = authority.lastIndex(of: "@").map { authority.index(after: $0) } ?? authority.startIndex
        let (userInfo, hostAndPort) = (authority[..<hostStart], authority[hostStart...])

        let (host, portText) = Self.split(hostAndPort)
        guard !host.contains(":") || IPAddress.bytes(String(host)) != nil else {
            problem = "is not an address"
            return
        }
        var port = defaultPort
        if let portText, !portText.isEmpty {
            if let number = Int(digits: portText), (1...65535).contains(number) {
                port = number
            } else {
                problem = "has a port outside 1 to 65535"
            }
        }
        do {
            url = try HTTPEndpoint("\(scheme)://\(userInfo)\(Self.urlHost(host)):\(port)\(path)").urlWithUserInfo
        } catch {
            problem = "\(error)"
        }
    }

    /// `host:port`, `[v6]:port`, `[v6]`, `v6`, `host` or `:port`.
    private static func split(_ text: Substring) -> (host: Substring, port: Substring?) {
        if text.hasPrefix("["), let bracket = text.firstIndex(of: "]") {
            let rest = text[text.index(after: bracket)...]
            return (text[..<bracket].dropFirst(), rest.hasPrefix(":") ? rest.dropFirst() : nil)
        }
        // More than one colon and no brackets: an IPv6 address.
        guard let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") else { return (text, nil) }
        return (text[..<colon], text[text.index(after: colon)...])
    }

    /// The host as written in a URL. Addresses that mean "all interfaces" to a server mean this machine to a client.
    private static func urlHost(_ host: Substring) -> String {
        guard !host.isEmpty else { return "127.0.0.1" }
        guard let address = IPAddress.bytes(String(host)) else { return String(host) }
        if address.allSatisfy({ $0 == 0 }) { return "[::1]" }
        guard address.starts(with: IPAddress.mappedPrefix) else { return "[\(host)]" }
        let four = address[12...]
        return four.allSatisfy { $0 == 0 } ? "127.0.0.1" : four.map(String.init).joined(separator: ".")
    }
}
