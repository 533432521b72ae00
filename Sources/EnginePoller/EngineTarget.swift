// An engine to poll, as users configure it.

import Foundation

/// A serving engine to poll: vLLM, TGI, SGLang, llama.cpp, ... The engine is recognised by the names of its metrics.
///
/// The environment names targets in `GENAI_SERVER_METRICS_TARGETS`. `GENAI_SERVER_METRICS_INTERVAL`,
/// `GENAI_SERVER_METRICS_TOKEN` and `GENAI_SERVER_METRICS_CERTIFICATE` apply to all of these.
///
/// A value: safe to pass between threads. Secrets are in no log and not in ``description``.
///
/// ```swift
/// let url = URL(string: "http://vllm:8000/metrics")!
/// configuration.engines = [EngineTarget(url: url, attributes: ["zone": "eu-1"])]
/// ```
public struct EngineTarget: Sendable {
    /// The URL of the engine's metrics page, http or https. Without a path, or with `/v1`, `/metrics` is used.
    ///
    /// User info (`http://user:password@host`) is sent as Basic authorization and never logged.
    public var url: URL
    /// Time from one poll to the next, more than 0. Default: 5 seconds. Values are clamped to 10 milliseconds through a year;
    /// 0 and less become the default, with a warning.
    public var interval: Duration
    /// The token that is sent as `Authorization: Bearer ...`, instead of the URL's user info; nil for none. Never logged.
    ///
    /// `GENAI_SERVER_METRICS_TOKEN` applies to all targets of the environment whose URLs have no user info.
    public var bearerToken: String?
    /// Further headers of every request. Values are never logged. A header that HTTP forbids, such as one with a line break,
    /// is left out with a warning.
    public var headers: [String: String]
    /// PEM file with the certificate authorities to trust instead of the system's; nil for the system's.
    /// `GENAI_SERVER_METRICS_CERTIFICATE`.
    ///
    /// Works on Linux, through libcurl. Elsewhere, and if the file is missing or is not PEM, the engine is not polled, and an
    /// error says so: trust is never weakened. The file is read at each new connection.
    public var certificateFile: String?
    /// Attributes of your own on every point of this engine, such as `team` or `zone`. Attributes with the name of one of this
    /// package are left out.
    ///
    /// They also tell apart engines whose pages have the same host, port and path.
    public var attributes: [String: String]

    /// Makes a target. Nothing is checked here: a poller leaves out an unusable one, and logs why.
    ///
    /// - Parameters:
    ///   - url: the engine's metrics page, http or https. Without a path, or with `/v1`, `/metrics` is used.
    ///   - interval: time from one poll to the next, 10 milliseconds to a year; by default 5 seconds.
    ///   - bearerToken: sent as `Authorization: Bearer ...`; by default none.
    ///   - headers: further headers of every request; by default none.
    ///   - certificateFile: PEM file with the authorities to trust; by default the system's.
    ///   - attributes: attributes of your own on every point; by default none.
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
