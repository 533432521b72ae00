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
        case cancelled
    }

    let name: String
    let interval: Duration
    private let endpoint: HTTPEndpoint
    private let request: HTTPRequest
    private let server: ServerIdentity
    private let transport: any HTTPTransport
    private let gpuMemory: GPUMemory
    private let timeLimit: Duration
    private let log: Log
    private let absences: FailureLog
    private let troubles: FailureLog

    init(
        _ target: OllamaTarget,
        detector: VRAMDetector,
        calls: DriverCalls,
        timeLimit: Duration,
        log: Log,
        timeSource: any TimeSource
    ) {
        endpoint = target.endpoint
        name = "Ollama at \(endpoint)"
        interval = target.interval
        request = HTTPRequest(
            endpoint: endpoint.appendingPath("api/ps"),
            headers: [HTTPHeader("Accept", "application/json")]
        )
        server = ServerIdentity(engine: "ollama", address: endpoint.host, port: endpoint.port)
        transport = HTTPTransports.urlSessionFirst(userAgent: PackageInfo.userAgent)
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
        absences = FailureLog(log: log, timeSource: timeSource)
        troubles = FailureLog(log: log, timeSource: timeSource)
    }

    func read(_ cancellation: Cancellation) -> ServerReading? {
        do throws(Failure) {
            let loaded = try loadedModels(cancellation)
            absences.succeeded("\(name) is up")
            troubles.succeeded("\(name) can be read again")
            log.debug("\(name) has \(loaded.count) models loaded")
            return reading(loaded, cancellation)
        } catch {
            switch error {
            case .absent: absences.failed(.debug, "No \(name): connection refused")
            case .trouble(let problem): troubles.failed(.warning, "\(name) can't be read: \(problem)")
            case .cancelled: return nil
            }
            return .down(server)
        }
    }

    func close() { transport.close() }

    private func loadedModels(_ cancellation: Cancellation) throws(Failure) -> LoadedModels {
        switch transport.send(request, timeout: timeLimit, cancellation: cancellation) {
        case .success(let response) where response.status == 200:
            guard let loaded = LoadedModels(response.body) else {
                throw .trouble("its answer is not that of Ollama's /api/ps")
            }
            return loaded
        case .success(let response): throw .trouble(explain(status: response.status))
        case .failure(.connectionRefused): throw .absent
        case .failure(.cancelled): throw .cancelled
        case .failure(let failure): throw .trouble("\(failure)")
        }
    }

    private func explain(status: Int) -> String {
        switch status {
        case 300..<400:
            "HTTP \(status), a redirect that is not followed; set OLLAMA_BASE_URL to the address that it leads to"
        case 403:
            "HTTP 403; an Ollama that listens on a loopback address refuses requests for a host name that it does not "
                + "know (here \(quoted(endpoint.host))): use localhost or an IP address, or let it listen on 0.0.0.0"
        case 404:
            "HTTP 404; OLLAMA_BASE_URL must be Ollama's base URL, without /api or /v1"
        default:
            "HTTP \(status)"
        }
    }

    private func reading(_ loaded: LoadedModels, _ cancellation: Cancellation) -> ServerReading {
        let isUsed = loaded.models.contains { ($0.vram ?? 0) > 0 }
        let total = gpuMemory.total(isUsed: isUsed, cancellation: cancellation)
        return ServerReading(server: server, modelsLoaded: loaded.count, models: loaded.readings(ofTotal: total))
    }
}
