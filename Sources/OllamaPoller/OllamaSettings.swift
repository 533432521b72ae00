// A configuration with everything in it checked: what the poller works with.

/// The usable values of an ``OllamaConfiguration``, and what has to be said about it.
struct OllamaSettings: Sendable {
    /// Nil if the URL can't be used.
    let endpoint: HTTPEndpoint?
    let interval: Duration
    /// Bytes; nil if it was not set.
    let maxVRAM: Double?
    /// Whether Ollama runs on this machine.
    let isLocal: Bool
    private var lines: [(level: LogLevel, text: String)] = []

    init(_ configuration: OllamaConfiguration) {
        lines = configuration.warnings.map { (.warning, $0) }
        do {
            endpoint = try HTTPEndpoint(configuration.url.absoluteString)
        } catch {
            // The URL itself may hold a password.
            endpoint = nil
            lines.append((.error, "Ollama is not polled: its URL \(error)"))
        }

        switch configuration.interval {
        case ...Duration.zero:
            interval = OllamaConfiguration.defaultInterval
            lines.append((.warning, "Ollama's interval is not more than 0; 5 seconds are used"))
        case OllamaConfiguration.longestInterval...:
            interval = OllamaConfiguration.longestInterval
        default:
            interval = configuration.interval
        }

        let gigabytes = configuration.maxVRAMGibibytes
        let isUsable = gigabytes.map { $0 > 0 && $0 <= OllamaConfiguration.largestVRAM } ?? true
        maxVRAM = isUsable ? gigabytes.map { $0 * Double(1 << 30) } : nil
        if !isUsable { lines.append((.warning, "Ollama's maxVRAMGibibytes is not greater than 0; it is ignored")) }

        isLocal = endpoint.map { LocalHost.isThisMachine($0.host) } ?? false
        guard let endpoint else { return }
        if let maxVRAM {
            lines.append((.debug, "GPU VRAM for Ollama is set to \(gibibytes(maxVRAM))"))
        } else if !isLocal {
            let assumed = gibibytes(Double(AssumedVRAM.bytes))
            lines.append(
                (
                    .info,
                    "Ollama at \(endpoint) is not on this machine: its GPU VRAM can't be detected, using heuristic-based "
                        + "percentages of \(assumed); GENAI_OLLAMA_MAX_VRAM_GB sets the true amount"
                )
            )
        }
    }

    func log(to log: Log) {
        for line in lines { log.write(line.level) { line.text } }
    }
}
