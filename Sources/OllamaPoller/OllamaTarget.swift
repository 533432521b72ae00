// An Ollama that can be polled: a configuration whose parts have been checked.

/// The usable values of an ``OllamaConfiguration``.
struct OllamaTarget: Sendable {
    let endpoint: HTTPEndpoint
    let interval: Duration
    /// Bytes; nil if it was not set.
    let maxVRAM: Double?

    /// Nil if the URL can't be used. Logs what has to be said about the configuration.
    init?(_ configuration: OllamaConfiguration, _ log: Log) {
        for warning in configuration.warnings { log.warning(warning) }
        do {
            endpoint = try HTTPEndpoint(configuration.url.absoluteString)
        } catch {
            // The URL itself may hold a password.
            log.error("Ollama is not polled: its URL \(error)")
            return nil
        }
        interval = configuration.interval
        let gibibytes = configuration.maxVRAMGibibytes
        let isUsable = gibibytes.map { $0 > 0 && $0 <= OllamaConfiguration.largestVRAM } ?? true
        maxVRAM = isUsable ? gibibytes.map { $0 * Double(1 << 30) } : nil

        if !isUsable { log.warning("Ollama's maxVRAMGibibytes is not greater than 0; it is ignored") }
        if let maxVRAM {
            log.debug("GPU VRAM for Ollama is set to \(gibibytesText(maxVRAM))")
        } else if !isLocal {
            log.info(
                "Ollama at \(endpoint) is not on this machine: its GPU VRAM can't be detected, using heuristic-based "
                    + "percentages of \(gibibytesText(Double(AssumedVRAM.bytes))); GENAI_OLLAMA_MAX_VRAM_GB sets the true amount"
            )
        }
    }

    /// Whether Ollama runs on this machine.
    var isLocal: Bool { LocalHost.isThisMachine(endpoint.host) }
}
