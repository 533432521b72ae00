// An Ollama to poll: a checked configuration.

/// The usable values of an ``OllamaConfiguration``.
struct OllamaTarget: Sendable {
    /// A line to log.
    typealias Note = (level: LogLevel, text: String)

    let endpoint: HTTPEndpoint
    let interval: Duration
    /// Bytes; nil if not set.
    let maxVRAM: Double?
    /// The name of the setting that holds the URL.
    let urlName: String
    private let readsRunners: Bool

    /// Files that can be honoured.
    let tls: TLSFiles

    /// The target, and the lines to log about the configuration. The target is nil if its URL or certificate file is unusable.
    static func check(_ configuration: OllamaConfiguration) -> (target: OllamaTarget?, notes: [Note]) {
        var notes: [Note] = configuration.warnings.map { (.warning, $0) }
        let target = OllamaTarget(configuration, &notes)
        return (target, notes)
    }

    private init?(_ configuration: OllamaConfiguration, _ notes: inout [Note]) {
        do {
            endpoint = try HTTPEndpoint(configuration.url.absoluteString)
        } catch {
            // The URL is not quoted: it may contain a password.
            notes.append((.error, "Ollama is not polled: its URL \(error)"))
            return nil
        }
        tls = TLSFiles(certificateAuthorities: configuration.certificateFile)
        do {
            try HTTPTransports.check(tls)
        } catch {
            notes.append((.error, "Ollama is not polled: \(error)"))
            return nil
        }
        interval = configuration.interval
        readsRunners = configuration.readsRunners
        urlName = configuration.urlName
        let gibibytes = configuration.maxVRAMGibibytes
        let isUsable = gibibytes.map { $0 > 0 && $0 <= OllamaConfiguration.largestVRAM } ?? true
        maxVRAM = isUsable ? gibibytes.map { $0 * Double(1 << 30) } : nil

        if !isUsable {
            notes.append((.warning, "Ollama's maxVRAMGibibytes is not greater than 0; the amount is detected"))
        }
        if let maxVRAM {
            notes.append((.debug, "GPU VRAM for Ollama is set to \(gibibytesText(maxVRAM))"))
        } else if !isLocal {
            let text =
                "Ollama at \(endpoint) is not on this machine: its GPU VRAM can't be detected, using heuristic-based "
                + "percentages of \(gibibytesText(GPUMemory.assumed)); GENAI_OLLAMA_MAX_VRAM_GB sets the true amount"
            notes.append((.info, text))
        }
    }

    /// Reads the runners; nil if they are not wanted, or not on this machine.
    func runners(processRoot: String, log: Log, timeSource: any TimeSource) -> OllamaRunners? {
        #if os(Linux)
        guard readsRunners, isLocal else { return nil }
        return OllamaRunners(
            endpoint,
            processes: RunnerProcesses(ollamaPort: endpoint.port, root: processRoot),
            log: log,
            timeSource: timeSource
        )
        #else
        // Other systems have no files with the arguments of processes.
        return nil
        #endif
    }

    /// Whether Ollama runs on this machine.
    var isLocal: Bool { LocalHost.isThisMachine(endpoint.host) }
}
