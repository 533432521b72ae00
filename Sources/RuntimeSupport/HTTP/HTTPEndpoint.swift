// A URL that is known to be usable and safe to print.

import Foundation

/// An http or https URL, split from the credentials that it was written with.
package struct HTTPEndpoint: Sendable, Hashable {
    /// The URL without user info and fragment.
    package let url: URL
    /// `Basic ...` made from the URL's user info, if it had any.
    package let authorization: String?
    /// The host without brackets.
    package let host: String
    /// The port, or the scheme's default.
    package let port: Int

    /// Takes an absolute http or https URL with a host; throws ``Invalid`` otherwise.
    package init(_ text: String) throws {
        guard var parts = URLComponents(string: text) else { throw Invalid.notAURL }
        guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw Invalid.scheme
        }
        guard let host = parts.host, !host.isEmpty else { throw Invalid.host }
        if let port = parts.port, !(1...65535).contains(port) { throw Invalid.port }

        if let user = parts.user {
            let credentials = Data("\(user):\(parts.password ?? "")".utf8)
            authorization = "Basic \(credentials.base64EncodedString())"
        } else {
            authorization = nil
        }
        parts.user = nil
        parts.password = nil
        parts.fragment = nil
        parts.scheme = scheme
        guard let url = parts.url else { throw Invalid.notAURL }
        self.url = url
        self.host = host.trimmingCharacters(in: ["[", "]"])
        self.port = parts.port ?? (scheme == "https" ? 443 : 80)
    }

    /// The same server with another path; the query is dropped.
    package func replacingPath(_ path: String) -> HTTPEndpoint {
        HTTPEndpoint(self) { parts in
            parts.path = path
            parts.query = nil
        }
    }

    /// `path` appended to this endpoint's own, with exactly one slash between.
    package func appendingPath(_ path: String) -> HTTPEndpoint {
        HTTPEndpoint(self) { parts in
            let base = parts.percentEncodedPath
            parts.percentEncodedPath = base.hasSuffix("/") ? base + path : "\(base)/\(path)"
        }
    }

    private init(_ other: HTTPEndpoint, change: (inout URLComponents) -> Void) {
        var parts = URLComponents(url: other.url, resolvingAgainstBaseURL: false) ?? URLComponents()
        change(&parts)
        url = parts.url ?? other.url
        authorization = other.authorization
        host = other.host
        port = other.port
    }

    /// Why a text is no usable endpoint.
    package enum Invalid: Error, CustomStringConvertible {
        case notAURL, scheme, host, port

        package var description: String {
            switch self {
            case .notAURL: "is not a URL"
            case .scheme: "does not begin with http:// or https://"
            case .host: "has no host"
            case .port: "has a port outside 1 to 65535"
            }
        }
    }
}

extension HTTPEndpoint: CustomStringConvertible {
    /// The URL as it may be logged: no user info, and no query, because tokens travel in queries too.
    package var description: String {
        var parts = URLComponents(url: url, resolvingAgainstBaseURL: false)
        parts?.query = nil
        return parts?.string ?? "\(host):\(port)"
    }
}
