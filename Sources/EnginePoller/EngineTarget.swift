// An engine to poll, as users configure it.

import Foundation

/// A serving engine to poll: vLLM, TGI, SGLang, llama.cpp, ... The engine is recognised by its metrics.
///
/// Environment: `GENAI_SERVER_METRICS_TARGETS`; for all of these, `GENAI_SERVER_METRICS_INTERVAL`,
/// `GENAI_SERVER_METRICS_TOKEN` and `GENAI_SERVER_METRICS_CERTIFICATE`.
///
/// ```swift
/// let url = URL(string: "http://vllm:8000/metrics")!
/// configuration.engines = [EngineTarget(url: url, attributes: ["zone": "eu-1"])]
/// ```
public struct EngineTarget: Sendable {
    /// The engine's metrics page, http or https. Without a path, `/metrics` is used.
    ///
    /// User info (`http://user:password@host`) is sent as Basic authorization and never logged.
    public var url: URL
    /// Time from one poll to the next. Limited to 10 milliseconds to a year; 0 and less become 5 seconds, with a
    /// warning.
    public var interval: Duration
    /// Sent as `Authorization: Bearer ...` instead of the URL's user info. Never logged.
    ///
    /// `GENAI_SERVER_METRICS_TOKEN` is that of all targets of the environment that have no user info.
    public var bearerToken: String?
    /// Further header fields of every request. Values are never logged. A field that HTTP forbids, such as one with a
    /// line break, is left out with a warning.
    public var headers: [String: String]
    /// PEM file with the certificate authorities to trust instead of the system's. `GENAI_SERVER_METRICS_CERTIFICATE`.
    ///
    /// Works on Linux, through libcurl. Where it can't be honoured (elsewhere, or if the file is missing or no PEM),
    /// the engine is not polled, and an error says so: trust is never weakened. The file is read at each new
    /// connection.
    public var certificateFile: String?
    /// Further attributes of every point of this engine, such as `team` or `zone`. Names of this package's own
    /// attributes are left out. They also distinguish engines whose pages have the same host, port and path.
    public var attributes: [String: String]

    /// Makes a target. It is checked when the poller receives it.
    public init(
        url: URL,
        interval: Duration = .seconds(5),
        bearerToken: String? = nil,
        headers: [String: String] = [:],
        certificateFile: String? = nil,
        attributes: [String: String] = [:]
    ) {
        self.url = url
        self.interval = interval
        self.bearerToken = bearerToken
        self.headers = headers
        self.certificateFile = certificateFile
        self.attributes = attributes
    }
}

extension EngineTarget: CustomStringConvertible, CustomReflectable {
    /// The URL without user info and query, and the interval. No secrets.
    public var description: String {
        let place = (try? HTTPEndpoint(url.absoluteString))?.description ?? "unusable URL"
        return "EngineTarget(\(place), every \(interval))"
    }

    /// Shows what ``description`` shows, so that `dump` prints no secrets either.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
