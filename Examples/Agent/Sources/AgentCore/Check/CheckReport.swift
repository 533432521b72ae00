// Says what a server is, what can be read of it, what can't, and what to do about it.

import Foundation
import GenAIOtel

/// What `check` prints: a pure function of the answer.
package struct CheckReport: Sendable {
    package let check: ServerCheck
    /// How the user named it, without user info and query.
    package let place: String

    package init(_ check: ServerCheck, place: String) {
        self.check = check
        self.place = place
    }

    /// 0 if it can be read, 1 if not.
    package var exitStatus: Int32 { check.reading.isUp ? 0 : 1 }

    package var lines: [String] { all.map(TerminalText.harmless) }

    private var all: [String] {
        let reading = check.reading
        guard reading.isUp else {
            let name = reading.server.engine.map { "The \(EngineName.of($0))" } ?? "The server"
            return ["\(name) at \(place) can't be read."] + remarks([reading.problem ?? "nobody knows why"])
        }
        let name = reading.server.engine.map(EngineName.of) ?? "an engine"
        let version = check.version.map { " " + $0 } ?? ""
        var lines = ["\(place) is \(name)\(version)."]
        if reading.isBusy { return lines + ["It is busy: it is up, but did not tell its figures in time. Ask again."] }
        let models = reading.models
        switch models.count {
        case 0: lines.append(reading.server.engine == "ollama" ? "No model is loaded." : "It tells no figures yet.")
        case 1: lines.append("Model: \(models[0].model ?? "not told")")
        default:
            lines.append(
                "\(models.count) models: " + models.prefix(20).map { $0.model ?? "not told" }.joined(separator: ", ")
            )
        }
        if !models.isEmpty {
            let known = CheckedFigure.all.filter { figure in models.contains(where: figure.isTold) }
            let missing = CheckedFigure.all.filter { figure in
                !models.contains(where: figure.isTold) && figure.engine.map { $0 == reading.server.engine } ?? true
            }
            lines.append("")
            if !known.isEmpty { lines += list("Can be read:", known.map(\.name)) }
            if !missing.isEmpty { lines += list("Not told:", missing.map(\.name)) }
            let advice = Advice.of(engine: reading.server.engine, missing: Set(missing.map(\.name)))
            if !advice.isEmpty { lines += [""] + advice.flatMap { TerminalText.wrap($0, 78) } }
        } else if let advice = Advice.withoutModels[reading.server.engine ?? ""] {
            lines += TerminalText.wrap(advice, 78)
        }
        if !check.remarks.isEmpty { lines += [""] + remarks(check.remarks) }
        return lines
    }

    private func list(_ title: String, _ items: [String]) -> [String] {
        [title] + TerminalText.wrap(items.joined(separator: ", "), 76).map { "  " + $0 }
    }

    private func remarks(_ texts: [String]) -> [String] {
        texts.flatMap { TerminalText.wrap($0.prefix(1).uppercased() + $0.dropFirst(), 78) }
    }
}

/// A figure that a server may tell.
private struct CheckedFigure: Sendable {
    var name: String
    /// The only one that could tell it; nil if any could.
    var engine: String?
    var isTold: @Sendable (ModelReading) -> Bool

    static let all: [CheckedFigure] = [
        CheckedFigure("requests running") { $0.requestsRunning != nil },
        CheckedFigure("requests waiting") { $0.requestsWaiting != nil },
        CheckedFigure("most requests at once") { $0.requestsMax != nil },
        CheckedFigure("KV-cache usage") { $0.kvCacheUsage != nil },
        CheckedFigure("KV-cache size") { $0.kvCacheSize != nil },
        CheckedFigure("GPU memory of the model", of: "ollama") { $0.vram != nil },
        CheckedFigure("tokens in and out") { $0.inputTokens != nil || $0.outputTokens != nil },
        CheckedFigure("finished requests") { $0.requestsSucceeded != nil },
        CheckedFigure("prefix cache") { $0.prefixCacheHits != nil },
        CheckedFigure("preemptions") { $0.preemptions != nil },
        CheckedFigure("time to first token") { $0.timeToFirstToken != nil },
        CheckedFigure("time per output token") { $0.timePerOutputToken != nil },
        CheckedFigure("time in the queue") { $0.queueTime != nil },
        CheckedFigure("duration of requests") { $0.requestDuration != nil },
    ]

    init(_ name: String, of engine: String? = nil, _ isTold: @escaping @Sendable (ModelReading) -> Bool) {
        self.name = name
        self.engine = engine
        self.isTold = isTold
    }
}

/// Why a figure is missing, and what to start the server with to have it.
private enum Advice {
    private static let rows: [(engine: String, figure: String, text: String)] = [
        ("vllm", "most requests at once", "vLLM does not tell its limit of requests at once (--max-num-seqs)."),
        (
            "sglang", "most requests at once",
            "SGLang does not tell its limit of requests at once (--max-running-requests)."
        ),
        (
            "llama.cpp", "KV-cache usage",
            "llama.cpp tells its KV-cache usage through /slots: start it without --no-slots. With one cache that all slots "
                + "share, nobody can tell; give it slots of their own (-np N --no-kv-unified)."
        ),
        (
            "llama.cpp", "time to first token",
            "llama.cpp counts no latencies. A server in front of it can: see docs/requests.md of GenAIOtel."
        ),
        ("tgi", "time to first token", "TGI does not count the time to the first token."),
        (
            "ollama", "tokens in and out",
            "Ollama's own interface tells no requests and tokens. The processes by which it serves its models do (0.30 and "
                + "later): run this program on the same Linux machine, and as a user who may see them."
        ),
        ("lmdeploy", "most requests at once", "LMDeploy does not tell its limit of requests at once."),
        (
            "triton", "requests running",
            "Triton tells requests and its KV cache with the TensorRT-LLM backend only; latencies with --metrics-config "
                + "histogram_latencies=true."
        ),
    ]

    static let withoutModels = [
        "ollama": "Load one (ollama run NAME), and ask again.",
        "vllm": "Its figures come with its first request, or are switched off by --disable-log-stats.",
    ]

    static func of(engine: String?, missing: Set<String>) -> [String] {
        rows.filter { $0.engine == engine && missing.contains($0.figure) }.map(\.text)
    }
}

/// Asks a server once.
package enum Checker {
    /// - Throws: ``UsageProblem`` if the text is no URL.
    package static func check(_ text: String, environment: [String: String]) async throws -> CheckReport {
        let targets = EngineSettings(environment: environment).targets(text)
        guard targets.count == 1 else {
            throw UsageProblem("That is no http or https URL, such as http://localhost:8000")
        }
        let target = targets[0]
        let place = Self.place(target)
        let check = await target.check()
        guard !check.reading.isUp else { return CheckReport(check, place: place) }
        // An Ollama has no page of metrics; everybody else has no list of loaded models.
        var ollama = OllamaConfiguration(environment: environment)
        ollama.url = target.url
        let other = await ollama.check()
        let isOllamas = other.reading.isUp || target.url.port == Candidate.ollamaPort
        return CheckReport(isOllamas ? other : check, place: place)
    }

    /// Without user info and query, which may hold secrets.
    static func place(_ target: EngineTarget) -> String {
        var parts = URLComponents(url: target.url, resolvingAgainstBaseURL: false) ?? URLComponents()
        parts.user = nil
        parts.password = nil
        parts.query = nil
        parts.fragment = nil
        return parts.string ?? "the server"
    }
}
