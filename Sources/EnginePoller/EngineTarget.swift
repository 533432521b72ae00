// Where an engine's metrics are, as users configure it.

import Foundation

/// A serving engine to poll: vLLM, TGI, SGLang, llama.cpp, ... The engine is recognised by its metrics.
///
/// Environment: `GENAI_SERVER_METRICS_TARGETS` and `GENAI_SERVER_METRICS_INTERVAL`.
public struct EngineTarget: Sendable {
    /// The page with the engine's metrics, http or https. Without a path, `/metrics` is asked for.
    ///
    /// User info (`http://user:password@host`) is sent as Basic authorization and never logged.
    public var url: URL
    /// Time between two polls, from 10 milliseconds to a year; what is outside counts as the nearer of them. 0 and less count
    /// as 5 seconds, with a warning.
    public var interval: Duration
    /// Sent as `Authorization: Bearer ...` in place of the URL's user info, and never logged.
    public var bearerToken: String?
    /// Further header fields of every request. Values are never logged; a field whose name or value HTTP does not allow
    /// (a line break, for one) is left out with a warning.
    public var headers: [String: String]
    /// Further attributes of every point of this engine, such as `team` or `zone`. One that has the name of an attribute of
    /// this package is left out. They also tell apart engines whose pages have the same host, port and path.
    public var attributes: [String: String]

    /// Makes a target; nothing is checked before the poller is made.
    public init(
        url: URL,
        interval: Duration = .seconds(5),
        bearerToken: String? = nil,
        headers: [String: String] = [:],
        attributes: [String: String] = [:]
    ) {
        self.url = url
        self.interval = interval
        self.bearerToken = bearerToken
        self.headers = headers
        self.attributes = attributes
    }
}

extension EngineTarget: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without user info and query, and the interval. No secrets.
    public var description: String {
        let place = (try? HTTPEndpoint(url.absoluteString))?.description ?? "unusable URL"
        return "EngineTarget(\(place), every \(interval))"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// Shows what ``description`` shows, so that `dump` prints no secrets either.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
