// The settings for polling Ollama, in the environment and in code.

import Foundation

/// Where an Ollama server is and how it is polled.
///
/// `OllamaConfiguration()` reads the environment; every property can then be set in code. Secrets are in no log and not in
/// ``description``. A value: safe to pass between threads.
///
/// ```swift
/// var ollama = OllamaConfiguration()
/// ollama.maxVRAMGibibytes = 24
/// configuration.ollama = ollama
/// ```
public struct OllamaConfiguration: Sendable {
    /// The server's base URL, http or https; `api/ps` is appended to its path. Default: `http://localhost:11434`.
    ///
    /// User info (`http://user:password@host`) is sent as Basic authorization and never logged. Environment:
    /// `OLLAMA_BASE_URL`; without it `OLLAMA_HOST`, in all the forms that Ollama itself takes.
    public var url: URL {
        didSet {
            urlName = "OllamaConfiguration.url"
            isConfigured = true
        }
    }

    /// The name of the setting that holds the URL, for log lines.
    private(set) var urlName = "OLLAMA_BASE_URL"

    /// Whether the environment or code sets the URL. Otherwise an Ollama that never answers is not reported.
    package private(set) var isConfigured: Bool

    /// Time from one poll to the next, more than 0. Default: 5 seconds.
    ///
    /// Values are clamped to 10 milliseconds through a year; 0 and less become the default, with a warning. Environment:
    /// `GENAI_OLLAMA_METRICS_INTERVAL`, in seconds.
    public var interval: Duration

    /// The GPU memory that a usage of 100 % stands for, in GiB, more than 0. Default: nil, which detects it.
    ///
    /// Set it for an Ollama on another machine, or if detection finds more than Ollama may use. Environment:
    /// `GENAI_OLLAMA_MAX_VRAM_GB`.
    public var maxVRAMGibibytes: Double?

    /// Whether Ollama's runners, the processes that serve its models, are read too. Default: true.
    ///
    /// They tell the requests, slots and tokens of each model (Ollama 0.30 and later). Works on Linux, for an Ollama on this
    /// machine; elsewhere it does nothing. Environment: `GENAI_OLLAMA_RUNNERS`.
    public var readsRunners: Bool

    /// PEM file with the certificate authorities to trust instead of the system's. Default: nil, for the system's.
    ///
    /// Works on Linux, through libcurl. Elsewhere, and if the file is missing or is not PEM, Ollama is not polled, and an error
    /// says so: trust is never weakened. Environment: `GENAI_OLLAMA_CERTIFICATE`.
    public var certificateFile: String?

    /// One sentence for each environment variable that could not be used. The poller logs them when it starts.
    public internal(set) var warnings: [String] = []

    /// Reads the settings from the environment. Never fails: an unusable value is ignored, with an entry in ``warnings``.
    ///
    /// - Parameter environment: variables by name; by default those of this process. An empty value counts as unset.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        var reader = EnvironmentReader(environment)
        self.init(reading: &reader)
        warnings = reader.warnings
    }

    /// Reads the environment; warnings stay in the reader.
    package init(reading environment: inout EnvironmentReader) {
        var name: String?
        url = environment.setting(
            Self.defaultURL,
            consequence: { "\(HTTPEndpoint.name(of: $0)) is used" },
            read: { reader in
                if let endpoint = reader.endpoint("OLLAMA_BASE_URL") {
                    name = "OLLAMA_BASE_URL"
                    return Self.serverURL(endpoint)
                }
                guard let host = Self.hostURL(&reader) else { return nil }
                name = "OLLAMA_HOST"
                return host
            }
        )
        isConfigured = name != nil
        if let name { urlName = name }
        interval = environment.duration(PolledServer.defaultInterval) { $0.seconds("GENAI_OLLAMA_METRICS_INTERVAL") }
        readsRunners = environment.setting(true) { $0.boolean("GENAI_OLLAMA_RUNNERS") }
        maxVRAMGibibytes = environment.setting(
            nil,
            consequence: { _ in "the amount is detected" },
            read: { $0.positiveNumber("GENAI_OLLAMA_MAX_VRAM_GB", "number of GiB", upTo: Self.largestVRAM) }
        )
        certificateFile = environment.text("GENAI_OLLAMA_CERTIFICATE")
    }

    // The constant is a valid URL.
    static let defaultURL = URL(string: "http://localhost:11434")!
    /// A pebibyte, in GiB.
    static let largestVRAM = 1_048_576.0

    /// The server's own URL, without the path of an interface. Other applications, which read the same variable, may need `/v1`
    /// or `/api` at its end.
    private static func serverURL(_ endpoint: HTTPEndpoint) -> URL {
        var path = endpoint.path[...]
        for suffix in ["/", "/v1", "/api", "/"] {
            while path.hasSuffix(suffix) { path.removeLast(suffix.count) }
        }
        return endpoint.replacingPath(String(path), keepingQuery: true).urlWithUserInfo
    }

    private static func hostURL(_ environment: inout EnvironmentReader) -> URL? {
        guard let text = environment.text("OLLAMA_HOST") else { return nil }
        let host = OllamaHost(text)
        if let problem = host.problem { environment.warn("OLLAMA_HOST", problem) }
        return host.url
    }
}

extension OllamaConfiguration: CustomStringConvertible, CustomReflectable {
    /// The URL without user info and query, and the settings. No secrets.
    public var description: String {
        let place = (try? HTTPEndpoint(url.absoluteString))?.description ?? "unusable URL"
        let memory = maxVRAMGibibytes.map { "\($0) GiB" } ?? "detected"
        return "OllamaConfiguration(\(place), every \(interval), GPU memory \(memory))"
    }

    /// Shows what ``description`` shows, so that `dump` prints no secrets either.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
