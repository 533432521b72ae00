// One poll of Ollama: asks for the loaded models and makes a reading of the answer.

import Foundation
import GPUPoller

/// Reads an Ollama by its `/api/ps`.
final class OllamaPoll: ServerPoll {
    /// The time limit of one poll, from connecting to the last byte.
    static let timeLimit: Duration = .seconds(2)

    private enum Failure: Error {
        /// Nobody listens. This is normal on machines where Ollama runs only now and then.
        case absent
        case trouble(String)
        /// Ollama answers other requests, but did not answer this one in time.
        case busy
        case cancelled
    }

    let name: String
    let interval: Duration
    private let endpoint: HTTPEndpoint
    private let urlName: String
    private let request: HTTPRequest
    private let server: ServerIdentity
    private let transport: any HTTPTransport
    private let gpuMemory: GPUMemory
    /// Nil if the runners are not wanted, or can't be on this machine.
    private let runners: OllamaRunners?
    private let timeLimit: Duration
    private let log: Log
    private let absences: FailureLog
    private let troubles: FailureLog
    private var hasSaidThatNoGPUIsUsed = false

    /// - Parameter processRoot: the folder in which the system shows its processes.
    init(
        _ target: OllamaTarget,
        detector: VRAMDetector,
        processRoot: String,
        calls: DriverCalls,
        timeLimit: Duration,
        log: Log,
        timeSource: any TimeSource
    ) {
        endpoint = target.endpoint
        urlName = target.urlName
        name = "Ollama at \(endpoint)"
        interval = target.interval
        request = HTTPRequest(
            endpoint: endpoint.appendingPath("api/ps"),
            headers: [HTTPHeader("Accept", "application/json")]
        )
        server = ServerIdentity(engine: "ollama", address: endpoint.host, port: endpoint.port)
        transport = HTTPTransports.urlSessionFirst(userAgent: PackageInfo.userAgent, checked: target.tls)
        self.timeLimit = timeLimit
        let log = log.about(["endpoint": "\(endpoint)"])
        self.log = log
        gpuMemory = GPUMemory(
            configured: target.maxVRAM,
            isLocal: target.isLocal,
            detector: detector,
            calls: calls,
            log: log,
            timeSource: timeSource
        )
        runners = target.runners(processRoot: processRoot, log: log, timeSource: timeSource)
        absences = FailureLog(log: log, timeSource: timeSource)
        troubles = FailureLog(log: log, timeSource: timeSource)
    }

    func read(_ cancellation: Cancellation) -> ServerReading? {
        let deadline = ContinuousClock.now + timeLimit
        do throws(Failure) {
            let loaded = try loadedModels(until: deadline, cancellation)
            absences.succeeded("\(name) is up")
            troubles.succeeded("\(name) can be read again")
            log.debug("\(name) has \(loaded.count) models loaded")
            return reading(loaded, until: deadline, cancellation)
        } catch {
            switch error {
            case .absent:
                absences.failed(.debug, "No \(name): connection refused")
                return .down(server, because: "connection refused (is Ollama started, and does it listen there?)")
            case .trouble(let problem):
                troubles.failed(.warning, "\(name) can't be read: \(problem)")
                return .down(server, because: problem)
            case .busy:
                troubles.failed(.warning, "\(name) is busy: it is up, but does not list its models in time")
                return .busy(server)
            case .cancelled: return nil
            }
        }
    }

    func close() {
        transport.close()
        runners?.close()
    }

    private func loadedModels(
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) throws(Failure) -> LoadedModels {
        // A model that is loading can delay the list for many seconds. Time is left to find out whether Ollama is up.
        let timeout = ContinuousClock.now.duration(to: deadline) * 0.75
        switch transport.send(request, timeout: timeout, cancellation: cancellation) {
        case .success(let response) where response.status == 200:
            guard let loaded = LoadedModels(response.body) else {
                throw .trouble("its answer is not that of Ollama's /api/ps")
            }
            return loaded
        case .success(let response): throw .trouble(explain(status: response.status))
        case .failure(.connectionRefused): throw .absent
        case .failure(.cancelled): throw .cancelled
        case .failure(.timedOut) where isUp(until: deadline, cancellation): throw .busy
        case .failure where cancellation.isCancelled: throw .cancelled
        case .failure(.tlsFailed):
            throw .trouble("\(HTTPFailure.tlsFailed); GENAI_OLLAMA_CERTIFICATE names a file of authorities of your own")
        case .failure(let failure): throw .trouble("\(failure)")
        }
    }

    /// Whether Ollama answers a request for which it needs no lock.
    private func isUp(until deadline: ContinuousClock.Instant, _ cancellation: Cancellation) -> Bool {
        version(until: deadline, cancellation) != nil
    }

    /// Ollama's version; nil if it does not answer.
    func version(until deadline: ContinuousClock.Instant, _ cancellation: Cancellation) -> String? {
        var request = request
        request.endpoint = endpoint.appendingPath("api/version")
        let timeout = ContinuousClock.now.duration(to: deadline)
        guard case .success(let response) = transport.send(request, timeout: timeout, cancellation: cancellation),
            response.status == 200
        else { return nil }
        return (try? JSONDecoder().decode(VersionAnswer.self, from: Data(response.body)))?.version
    }

    private func explain(status: Int) -> String {
        switch status {
        case 300..<400:
            "HTTP \(status), a redirect that is not followed; set \(urlName) to the address that it leads to"
        case 403:
            "HTTP 403; an Ollama that listens on a loopback address refuses requests for a host name that it does not "
                + "know (here \(quoted(endpoint.host))): use localhost or an IP address, or let it listen on 0.0.0.0"
        case 404:
            "HTTP 404; \(urlName) must be Ollama's base URL, without /api or /v1"
        default:
            "HTTP \(status)"
        }
    }

    private func reading(
        _ loaded: LoadedModels,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) -> ServerReading {
        let timeLeft = ContinuousClock.now.duration(to: deadline)
        let isUsed = loaded.models.contains { ($0.vram ?? 0) > 0 }
        let total = gpuMemory.total(isUsed: isUsed, cancellation: cancellation)
        var models = loaded.readings(ofTotal: total)
        if !isUsed, !models.isEmpty { sayThatNoGPUIsUsed() }
        // Detection may have taken longer than a poll.
        runners?.complete(&models, digests: loaded.digests, transport, until: .now + timeLeft, cancellation)
        return ServerReading(server: server, modelsLoaded: loaded.count, models: models)
    }

    private func sayThatNoGPUIsUsed() {
        guard !hasSaidThatNoGPUIsUsed else { return }
        hasSaidThatNoGPUIsUsed = true
        log.info(
            "\(name) has no model on a GPU: gen_ai.server.kv_cache.usage is 0 and means nothing; "
                + "gen_ai.server.model.size tells the memory of each model"
        )
    }
}

// Not inside the method that decodes it: Debian's Swift 6.2 crashes there.
/// The answer of `/api/version`.
private struct VersionAnswer: Decodable { var version: String }
