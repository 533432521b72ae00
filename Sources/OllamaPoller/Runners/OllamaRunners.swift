// The runners of an Ollama on this machine. They tell the requests, slots and tokens that Ollama does not.

import EnginePoller
import Foundation
import GenAISupport

/// Completes the readings of an Ollama with the figures of its runners.
///
/// Ollama serves each model by a process of its own, llama.cpp's server. The file of the weights shows which model a runner
/// serves. If a runner is not found, not matched or does not answer, only its own figures are missing.
final class OllamaRunners {
    private struct Runner {
        var reader: LlamaRunner
        /// One for each runner, because a client keeps few connections.
        let transport = HTTPTransports.libcurlFirst(userAgent: PackageInfo.userAgent)
        /// Whether it did not answer the last time. It is then asked after the others.
        var isSilent = false
    }

    /// The answer of `/api/show` about a model.
    private struct Weights {
        var file: String?
        /// When to ask again, if the answer had no file.
        var next: ContinuousClock.Instant?
    }

    /// The longest time that one runner may take. A runner takes longer only while it reads a long prompt, or hangs.
    static let runnerTimeLimit: Duration = .milliseconds(500)
    /// The pause before `/api/show` is asked again about a model whose file is unknown.
    static let pause: Duration = .seconds(30)

    private let endpoint: HTTPEndpoint
    private let timeSource: any TimeSource
    private let log: Log
    private var processes: RunnerProcesses
    private var runners: [RunnerProcess: Runner] = [:]
    /// The weights by the model's name and digest.
    private var weights: [[String]: Weights] = [:]
    private var lastNote = ""

    init(
        _ endpoint: HTTPEndpoint,
        processes: RunnerProcesses,
        log: Log,
        timeSource: any TimeSource
    ) {
        self.endpoint = endpoint
        self.processes = processes
        self.timeSource = timeSource
        self.log = log
    }

    func close() { keep([]) }

    /// - Parameters:
    ///   - ollama: sends requests to Ollama itself.
    ///   - digests: by the names of the models.
    func complete(
        _ models: inout [ModelReading],
        digests: [String: String],
        _ ollama: any HTTPTransport,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) {
        let found = models.isEmpty ? [] : processes.find()
        keep(found)
        guard !found.isEmpty else { return note(models.isEmpty ? [] : ["none of its runners was found"]) }
        let files = weightsFiles(of: models, digests, ollama, deadline, cancellation)
        let byFile = Dictionary(grouping: found) { weightsKey($0.modelFile) }
        var matches: [RunnerProcess: Int] = [:]
        var unmatched = 0
        for index in models.indices {
            let matching = models[index].model.flatMap { files[$0] }.flatMap { byFile[weightsKey($0)] }
            // Two runners with the same file can't be told apart.
            guard let process = matching?.first, matching?.count == 1 else {
                unmatched += 1
                continue
            }
            // Several names of one file share a runner. The first one gets its figures.
            if matches[process] == nil { matches[process] = index }
        }
        var silent = 0
        for process in found.filter({ runners[$0]?.isSilent == false })
            + found.filter({ runners[$0]?.isSilent == true })
        {
            guard let index = matches[process] else { continue }
            if let figures = read(process, deadline, cancellation) {
                models[index].complete(with: figures)
            } else {
                silent += 1
            }
        }
        guard !cancellation.isCancelled else { return }
        note(
            (unmatched > 0 ? ["no runner was found for \(unmatched) of its models"] : [])
                + (silent > 0 ? ["\(silent) of its runners could not be read"] : [])
        )
    }

    private func keep(_ found: [RunnerProcess]) {
        var former = runners
        runners = [:]
        for process in found {
            runners[process] =
                former.removeValue(forKey: process)
                ?? LlamaRunner(port: process.port, timeSource: timeSource).map { Runner(reader: $0) }
        }
        for runner in former.values { runner.transport.close() }
    }

    private func read(
        _ process: RunnerProcess,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> ModelReading? {
        let limit = min(deadline, ContinuousClock.now + Self.runnerTimeLimit)
        guard var runner = runners[process] else { return nil }
        let reading = runner.reader.read(runner.transport, until: limit, cancellation)
        runner.isSilent = reading == nil
        runners[process] = runner
        guard var reading else { return nil }
        // For Ollama, the KV-cache usage is the share of the GPU memory. And requests wait in Ollama, not in its runners.
        reading.kvCacheUsage = nil
        reading.requestsWaiting = nil
        // Its page does not tell when counting began.
        for index in reading.replicas.indices { reading.replicas[index].startTime = process.startTime }
        return reading
    }

    // MARK: - Weights

    private func weightsFiles(
        of models: [ModelReading],
        _ digests: [String: String],
        _ ollama: any HTTPTransport,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> [String: String] {
        var result: [String: String] = [:]
        var kept: [[String]: Weights] = [:]
        for name in models.compactMap(\.model) {
            let key = [name, digests[name] ?? ""]
            var weights = weights[key] ?? Weights()
            let timeout = ContinuousClock.now.duration(to: deadline)
            if weights.file == nil, timeout > .zero, weights.next.map({ timeSource.now >= $0 }) ?? true {
                weights.file = file(of: name, ollama, timeout, cancellation)
                weights.next = timeSource.now + Self.pause
            }
            kept[key] = weights
            result[name] = weights.file
        }
        weights = kept
        return result
    }

    private func file(
        of model: String,
        _ ollama: any HTTPTransport,
        _ timeout: Duration,
        _ cancellation: Cancellation
    ) -> String? {
        guard let body = try? JSONEncoder().encode(["model": model]) else { return nil }
        let request = HTTPRequest(
            method: "POST",
            endpoint: endpoint.appendingPath("api/show"),
            headers: [HTTPHeader("Content-Type", "application/json")],
            body: body
        )
        guard case .success(let response) = ollama.send(request, timeout: timeout, cancellation: cancellation),
            response.status == 200,
            let answer = try? JSONDecoder().decode(ShowAnswer.self, from: Data(response.body))
        else { return nil }
        let line = answer.modelfile.split(whereSeparator: \.isNewline).first { $0.hasPrefix("FROM ") }
        return line.map { $0.dropFirst("FROM ".count).trimmingCharacters(in: .whitespaces) }
    }

    /// Logs once what can't be read. That is normal for an older Ollama, another user's, or one in a container.
    private func note(_ problems: [String]) {
        let text = problems.joined(separator: ", ")
        guard text != lastNote else { return }
        lastNote = text
        if !text.isEmpty { log.debug("Ollama at \(endpoint): \(text); their requests and tokens are not reported") }
    }
}

/// Identifies a file of weights. Ollama names its own files by their content, so their folder does not matter: it may be
/// mounted elsewhere.
private func weightsKey(_ file: String) -> String {
    let name = file.utf8.lastIndex(of: UInt8(ascii: "/")).map { file[file.utf8.index(after: $0)...] } ?? file[...]
    return name.hasPrefix("sha256-") ? String(name) : file
}

/// The answer of `/api/show`, as far as it is read.
private struct ShowAnswer: Decodable { var modelfile: String }
