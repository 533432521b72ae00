// One poll: asks Ollama which models are loaded and turns the answer into a reading.

import Foundation

/// What the poller's thread does at each turn.
final class OllamaPoll: Sendable {
    /// How long a poll may take, from the connection to the last byte.
    static let timeLimit: Duration = .seconds(2)

    private enum Failure: Error {
        /// Nobody is there: usual on machines where Ollama is started now and then.
        case absent
        case trouble(String)
        case cancelled
    }

    private let endpoint: HTTPEndpoint
    private let request: HTTPRequest
    private let server: ServerIdentity
    private let gpuMemory: GPUMemory
    private let timeLimit: Duration
    private let log: Log
    private let absences: FailureLog
    private let troubles: FailureLog
    private let onReading: @Sendable (ServerReading) -> Void

    init(
        endpoint: HTTPEndpoint,
        gpuMemory: GPUMemory,
        timeLimit: Duration,
        log: Log,
        timeSource: any TimeSource,
        onReading: @escaping @Sendable (ServerReading) -> Void
    ) {
        self.endpoint = endpoint
        request = HTTPRequest(
            endpoint: endpoint.appendingPath("api/ps"),
            headers: [HTTPHeader("Accept", "application/json")]
        )
        server = ServerIdentity(engine: "ollama", address: endpoint.host, port: endpoint.port)
        self.gpuMemory = gpuMemory
        self.timeLimit = timeLimit
        self.log = log
        absences = FailureLog(log: log, timeSource: timeSource)
        troubles = FailureLog(log: log, timeSource: timeSource)
        self.onReading = onReading
    }

    /// Polls once and hands over a reading, unless cancelled meanwhile.
    func run(_ transport: any HTTPTransport, _ cancellation: Cancellation) {
        let reading = read(transport, cancellation)
        if let reading, !cancellation.isCancelled { onReading(reading) }
    }

    private func read(_ transport: any HTTPTransport, _ cancellation: Cancellation) -> ServerReading? {
        do throws(Failure) {
            let loaded = try loadedModels(transport, cancellation)
            absences.succeeded("Ollama at \(endpoint) is there")
            troubles.succeeded("Ollama at \(endpoint) answers as it should")
            log.debug("Ollama at \(endpoint) has \(loaded.count) models loaded")
            return reading(loaded, cancellation)
        } catch {
            switch error {
            case .absent: absences.failed(.debug, "No Ollama at \(endpoint): connection refused")
            case .trouble(let problem): troubles.failed(.warning, "Ollama at \(endpoint) can't be read: \(problem)")
            case .cancelled: return nil
            }
            return .down(server)
        }
    }

    private func loadedModels(
        _ transport: any HTTPTransport,
        _ cancellation: Cancellation
    ) throws(Failure) -> LoadedModels {
        switch transport.send(request, deadline: .now + timeLimit, cancellation: cancellation) {
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
            "HTTP \(status), a redirect, which is not followed; set OLLAMA_BASE_URL to the address that it leads to"
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
