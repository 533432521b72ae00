// A server of a test's own, on loopback, and a client for it.

import AsyncHTTPClient
import Foundation
import GenAIOtel
import Logging
import NIOCore
import ServiceLifecycle

@testable import HummingbirdServer

struct RunningServer: Sendable {
    struct Answer: Sendable {
        var status: UInt
        var headers: [String: String]
        var text: String

        /// The JSON object of the body.
        var object: [String: Any] {
            get throws { try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:] }
        }
    }

    let url: String
    let http: HTTPClient
    let instrumentation: GenAIInstrumentation
    private let services: ServiceGroup

    /// The values that it reports now.
    var metrics: PrometheusValues { PrometheusValues(instrumentation.prometheusText()) }

    /// Begins the graceful shutdown, as a signal would.
    func shutDown() async { await services.triggerGracefulShutdown() }

    /// Runs a server while the body runs. `instrument()` is one for the process, so tests with a server run one by one.
    static func with<Result>(
        _ options: ServerOptions = .fast,
        clock: any Clock<Duration> = ContinuousClock(),
        drainTime: Duration = .seconds(10),
        configure: (inout GenAIConfiguration) throws -> Void = { _ in },
        _ body: (RunningServer) async throws -> Result
    ) async throws -> Result {
        var configuration = GenAIConfiguration(environment: [:])
        configuration.exporters = []
        configuration.ollama = nil
        configuration.logLevel = nil
        try configure(&configuration)
        let instrumentation = instrument(configuration)
        let (urls, continuation) = AsyncStream.makeStream(of: String.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let application = ServerApplication(
            options,
            instrumentation: instrumentation,
            clock: clock,
            logger: logger,
            onListening: { continuation.yield($0) }
        )
        let services = ServiceGroup(
            server: application,
            instrumentation: instrumentation,
            drainTime: drainTime,
            gracefulShutdownSignals: [],
            logger: logger
        )
        let running = Task {
            defer { continuation.finish() }
            try await services.run()
        }
        guard let url = await urls.first(where: { _ in true }) else {
            try await running.value
            throw CancellationError()
        }
        let http = HTTPClient(eventLoopGroupProvider: .singleton)
        let server = RunningServer(url: url, http: http, instrumentation: instrumentation, services: services)
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        try await http.shutdown()
        await services.triggerGracefulShutdown()
        try await running.value
        return try result.get()
    }
}

extension RunningServer {
    func get(_ path: String) async throws -> Answer {
        try await answer(to: HTTPClientRequest(url: url + path))
    }

    func post(_ body: String, to path: String = "/v1/chat/completions") async throws -> Answer {
        try await answer(to: postRequest(body, path))
    }

    /// The answer's head; its body is still to come.
    func begin(_ body: String) async throws -> HTTPClientResponse {
        try await http.execute(postRequest(body, "/v1/chat/completions"), timeout: .seconds(20))
    }

    private func postRequest(_ body: String, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        return request
    }

    private func answer(to request: HTTPClientRequest) async throws -> Answer {
        let response = try await http.execute(request, timeout: .seconds(20))
        let body = try await response.body.collect(upTo: 1 << 22)
        let headers = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: response.status.code,
            headers: Dictionary(headers) { first, _ in first },
            text: String(buffer: body)
        )
    }
}

extension ServerOptions {
    /// A server whose models are so fast that nothing waits for them.
    static var fast: ServerOptions {
        var options = ServerOptions()
        options.port = 0
        options.speed = 10_000
        options.models = [
            ModelProfile(name: "small", cacheBlocks: 64, tokensPerSecond: 50),
            ModelProfile(name: "large", cacheBlocks: 64, tokensPerSecond: 20),
        ]
        return options
    }

    /// A server at life's speed, for a clock that is moved by hand, with so many places.
    static func manual(concurrency: Int, queueLimit: Int = 8) -> ServerOptions {
        var options = fast
        options.speed = 1
        options.concurrency = concurrency
        options.queueLimit = queueLimit
        return options
    }
}
