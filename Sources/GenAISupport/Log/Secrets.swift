// Hides secrets in text from a server: some servers repeat what they were sent.

import Foundation

/// The secrets that a request carries.
package struct Secrets: Sendable {
    /// Shorter secrets would match ordinary text.
    private static let shortest = 4

    private let values: [String]

    /// No secrets.
    package init() { values = [] }

    package init(_ endpoint: HTTPEndpoint, headers: [HTTPHeader] = []) {
        let parts = URLComponents(url: endpoint.urlWithUserInfo, resolvingAgainstBaseURL: false)
        let fields = headers.map(\.value) + [endpoint.authorization].compactMap(\.self)
        // `Bearer abc` is a secret, and so is `abc`.
        let credentials = fields.compactMap {
            $0.split(separator: " ", maxSplits: 1).dropFirst().first.map(String.init)
        }
        // Both decoded and as they are sent. A parameter without a value may itself be a key.
        let parameters = ((parts?.queryItems ?? []) + (parts?.percentEncodedQueryItems ?? [])).map {
            $0.value ?? $0.name
        }
        let userInfo = [parts?.user, parts?.password, parts?.percentEncodedUser, parts?.percentEncodedPassword]
        let all = fields + credentials + parameters + userInfo.compactMap(\.self)
        // The longest first: one secret may contain another.
        values = Set(all.filter { $0.utf8.count >= Self.shortest }).sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The text with each secret replaced by an ellipsis.
    package func hidden(in text: String) -> String {
        values.reduce(text) { $0.replacingOccurrences(of: $1, with: "…") }
    }
}
