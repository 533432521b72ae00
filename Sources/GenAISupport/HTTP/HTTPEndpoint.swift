// A checked URL that is safe to print.

import Foundation

/// An http or https URL, separated from its credentials.
package struct HTTPEndpoint: Sendable, Hashable {
    /// The URL without user info and fragment.
    package let url: URL
    /// `Basic ...`, made of the URL's user info; nil if it has none.
    package let authorization: String?
    /// The host without brackets.
    package let host: String
    /// The port, or the scheme's default.
    package let port: Int

    /// The URL with its user info: a secret.
    package let urlWithUserInfo: URL

    /// Takes an absolute http or https URL with a host; throws ``Invalid`` otherwise.
    package init(_ text: String) throws {
        try Self.checkShape(text)
        guard let parts = URLComponents(string: text) else { throw Invalid.notAURL }
        try self.init(parts)
    }

    /// Refuses texts that a URL parser accepts but nobody can mean: several URLs in one text, or a password with an unescaped
    /// `/`, `?` or `#`. In `http://me:12/s3cret@host` the host would be `me`. The rest of the password would be the path, which
    /// is logged and sent to that host.
    private static func checkShape(_ text: String) throws {
        guard !text.unicodeScalars.contains(where: \.isBlankOrControl) else { throw Invalid.blank }
        guard let scheme = text.range(of: "://") else { return }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let others = rest[authority.endIndex...]
        guard !others.contains("@") else { throw Invalid.userInfo }
        // A query may contain a URL. It is never logged.
        guard !rest.prefix(while: { $0 != "?" && $0 != "#" }).contains("://") else { throw Invalid.secondURL }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        if ["$(", "${", "{{"].contains(where: { host.contains($0) || others.contains($0) }) { throw Invalid.reference }
    }

    /// Whether a host is a name or an address, brackets included. Names beyond ASCII are left to the resolver.
    private static func isPossible(host: String) -> Bool {
        let isAddress = host.hasPrefix("[") && host.hasSuffix("]") || host.contains(":")
        return host.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_", "~": true
            case "[", "]", ":", "%": isAddress
            default: scalar.value > 0x7F
            }
        }
    }

    private init(_ given: URLComponents) throws {
        var parts = given
        guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw Invalid.scheme
        }
        guard let host = parts.host, !host.isEmpty else { throw Invalid.host }
        guard Self.isPossible(host: host) else { throw Invalid.hostName }
        if let port = parts.port, !(1...65535).contains(port) { throw Invalid.port }
        parts.scheme = scheme
        parts.fragment = nil
        let complete = parts.url
        authorization = parts.user.map { user in
            "Basic \(Data("\(user):\(parts.password ?? "")".utf8).base64EncodedString())"
        }
        let hasUserInfo = parts.user != nil || parts.password != nil
        parts.user = nil
        parts.password = nil
        guard let complete, let url = hasUserInfo ? parts.url : complete else { throw Invalid.notAURL }
        self.url = url
        self.host = host.trimmed { $0 == "[" || $0 == "]" }
        port = parts.port ?? (scheme == "https" ? 443 : 80)
        urlWithUserInfo = complete
    }

    /// The URL's path, percent-decoded; empty if it has none.
    package var path: String { URLComponents(url: url, resolvingAgainstBaseURL: false)?.path ?? "" }

    /// The same server with another path, without the query unless it is to be kept.
    package func replacingPath(_ path: String, keepingQuery: Bool = false) -> HTTPEndpoint {
        changed { parts in
            parts.path = path
            if !keepingQuery { parts.query = nil }
        }
    }

    /// The same with further items of its query.
    package func addingQuery(_ items: KeyValuePairs<String, String>) -> HTTPEndpoint {
        changed { parts in
            parts.queryItems = (parts.queryItems ?? []) + items.map { URLQueryItem(name: $0.key, value: $0.value) }
            // URLComponents does not encode a plus, and servers read it as a blank.
            parts.percentEncodedQuery = parts.percentEncodedQuery?.replacingOccurrences(of: "+", with: "%2B")
        }
    }

    /// `path` appended to this endpoint's own, with exactly one slash between.
    package func appendingPath(_ path: String) -> HTTPEndpoint {
        changed { parts in
            let base = parts.percentEncodedPath
            parts.percentEncodedPath = base.hasSuffix("/") ? base + path : "\(base)/\(path)"
        }
    }

    /// The endpoint that a `Location` header names, with the same credentials; nil if its scheme, host or port differ.
    func redirected(to location: String) -> HTTPEndpoint? {
        guard let target = URL(string: location, relativeTo: url).flatMap({ try? HTTPEndpoint($0.absoluteString) }),
            target.isSecure == isSecure, target.host.lowercased() == host.lowercased(), target.port == port,
            let parts = URLComponents(url: target.url, resolvingAgainstBaseURL: false)
        else { return nil }
        return changed { own in
            own.percentEncodedPath = parts.percentEncodedPath
            own.percentEncodedQuery = parts.percentEncodedQuery
        }
    }

    /// Whether the scheme is https.
    package var isSecure: Bool { url.scheme == "https" }

    /// Whether the host is an IPv6 address.
    var isIPv6Literal: Bool { host.contains(":") }

    private func changed(_ change: (inout URLComponents) -> Void) -> HTTPEndpoint {
        guard var parts = URLComponents(url: urlWithUserInfo, resolvingAgainstBaseURL: false) else { return self }
        change(&parts)
        return (try? HTTPEndpoint(parts)) ?? self
    }

    /// Why a text is not a usable endpoint.
    package enum Invalid: Error, CustomStringConvertible {
        case notAURL, scheme, host, hostName, port, blank, secondURL, userInfo, reference

        package var description: String {
            switch self {
            case .notAURL: "is not a URL"
            case .scheme: "does not begin with http:// or https://"
            case .host: "has no host"
            case .hostName: "has a host with characters that no host has"
            case .port: "has a port outside 1 to 65535"
            case .blank: "has a blank or a control character"
            case .secondURL: "has a second URL in its path"
            case .userInfo:
                "has an @ after its host: a password's / ? # , ; are written %2F %3F %23 %2C %3B, and any other @ is %40"
            case .reference: "refers to a variable that was not replaced, such as $(NAME)"
            }
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isBlankOrControl: Bool { properties.isWhitespace || properties.generalCategory == .control }
}

extension HTTPEndpoint: CustomStringConvertible {
    /// The URL for logs: without user info, and without the query, which may contain tokens.
    package var description: String {
        var parts = URLComponents(url: url, resolvingAgainstBaseURL: false)
        parts?.query = nil
        return parts?.string ?? "\(host):\(port)"
    }

    /// ``description`` of a URL, whatever it is.
    package static func name(of url: URL) -> String {
        (try? HTTPEndpoint(url.absoluteString))?.description ?? "an unusable URL"
    }
}
