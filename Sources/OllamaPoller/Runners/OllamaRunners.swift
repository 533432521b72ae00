// What an Ollama on this machine does not tell, its runners do: requests, slots and tokens of each model.

import EnginePoller
import Foundation
import GenAISupport

/// Completes the readings of an Ollama with the figures of its runners.
///
/// Ollama serves each model by a process of its own, llama.cpp's server. The file of its weights says which model it is.
/// Everything is optional: a runner that is not found, not matched or does not answer costs its own figures.
final class OllamaRunners {
    private struct Runner {
        var reader: LlamaRunner
        /// One that did not answer is left alone for a while.
        var next: ContinuousClock.Instant?
    }

    /// What `/api/show` told about a model.
    private struct Weights {
        var file: String?
        /// When it is asked again, if it told nothing.
        var next: ContinuousClock.Instant?
    }

    /// The longest time that one runner may take.
    static let runnerTimeLimit: Duration = .milliseconds(500)
    static let pause: Duration = .seconds(30)

    private let endpoint: HTTPEndpoint
    private let timeSource: any TimeSource
    private let log: Log
    private let transport: any HTTPTransport
    private var processes: RunnerProcesses
    private var runners: [RunnerProcess: Runner] = [:]
    /// By name and digest.
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
        transport = HTTPTransports.libcurlFirst(userAgent: PackageInfo.userAgent)
    }

    func close() { transport.close() }

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
        guard !found.isEmpty else { return note(models.isEmpty ? "" : "no runner of it was found") }
        let files = weightsFiles(of: models, digests, ollama, deadline, cancellation)
        var unmatched = Set(found)
        for index in models.indices {
            guard let name = models[index].model, let file = files[name] else { continue }
            // Several names of one file share a runner; two runners of one file can't be told apart.
            let matching = unmatched.filter { $0.serves(file) }
            guard let process = matching.first, matching.count == 1 else { continue }
            unmatched.remove(process)
            if let figures = read(process, deadline, cancellation) { models[index].complete(with: figures) }
        }
        note(unmatched.isEmpty ? "" : "\(unmatched.count) of its runners could not be matched to a model")
    }

    private func keep(_ found: [RunnerProcess]) {
        var former = runners
        runners = [:]
        for process in found {
            runners[process] =
                former.removeValue(forKey: process)
                ?? LlamaRunner(port: process.port, timeSource: timeSource).map { Runner(reader: $0) }
        }
    }

    private func read(
        _ process: RunnerProcess,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> ModelReading? {
        if let next = runners[process]?.next, timeSource.now < next { return nil }
        let limit = min(deadline, ContinuousClock.now + Self.runnerTimeLimit)
        guard var reading = runners[process]?.reader.read(transport, until: limit, cancellation) else {
            if !cancellation.isCancelled { runners[process]?.next = timeSource.now + Self.pause }
            return nil
        }
        // Its page does not tell since when it counts.
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
            if weights.file == nil, weights.next.map({ timeSource.now >= $0 }) ?? true {
                let timeout = ContinuousClock.now.duration(to: deadline)
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
        struct Question: Encodable { var model: String }
        struct Answer: Decodable { var modelfile: String }
        guard let body = try? JSONEncoder().encode(Question(model: model)) else { return nil }
        let request = HTTPRequest(
            method: "POST",
            endpoint: endpoint.appendingPath("api/show"),
            headers: [HTTPHeader("Content-Type", "application/json")],
            body: body
        )
        guard case .success(let response) = ollama.send(request, timeout: timeout, cancellation: cancellation),
            response.status == 200,
            let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body))
        else { return nil }
        let line = answer.modelfile.split(whereSeparator: \.isNewline).first { $0.hasPrefix("FROM ") }
        return line.map { $0.dropFirst("FROM ".count).trimmingCharacters(in: .whitespaces) }
    }

    /// Says once what can't be read. That is normal: an older Ollama, another user's, one in a container.
    private func note(_ text: String) {
        guard text != lastNote else { return }
        lastNote = text
        if !text.isEmpty {
            log.debug("Ollama at \(endpoint): \(text); reporting no requests and no tokens of those models")
        }
    }
}

extension RunnerProcess {
    /// Whether the file is that of its model. Ollama's own files are named by their content, wherever they are mounted.
    fileprivate func serves(_ file: String) -> Bool {
        if file == modelFile { return true }
        let name = (file as NSString).lastPathComponent
        return name.hasPrefix("sha256-") && name == (modelFile as NSString).lastPathComponent
    }
}
