// A server of a test's own, on loopback, and a client for it.

import ExampleClient
import Foundation
import GenAIOtel
import Logging
import ServiceLifecycle

@testable import HummingbirdServer

struct RunningServer: Sendable {
    /// An answer that is there as a whole.
    struct Answer: Sendable {
        var status: Int
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
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var configuration = GenAIConfiguration(serverEnvironment: [:], logger: logger)
        configuration.ollama = nil
        configuration.logLevel = nil
        try configure(&configuration)
        let instrumentation = instrument(configuration)
        let (urls, continuation) = AsyncStream.makeStream(of: String.self)
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
        guard let http = HTTPClient(url: url) else { throw CancellationError() }
        let server = RunningServer(url: url, http: http, instrumentation: instrumentation, services: services)
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        await services.triggerGracefulShutdown()
        try await running.value
        return try result.get()
    }
}

extension RunningServer {
    func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
        try await http.send(path, headers: headers, timeout: .seconds(20)) { answer in try await Answer(&answer) }
    }

    /// Asks for a completion.
    func post(_ body: String, headers: [String: String] = [:]) async throws -> Answer {
        try await http.send(
            "/v1/chat/completions",
            json: Array(body.utf8),
            headers: headers,
            timeout: .seconds(20)
        ) { answer in try await Answer(&answer) }
    }

    /// Asks for a completion and hands on its answer as it comes.
    func stream<Result: Sendable>(
        _ body: String,
        _ receive: (inout ExampleClient.Answer) async throws -> Result
    ) async throws -> Result {
        try await http.send("/v1/chat/completions", json: Array(body.utf8), timeout: .seconds(20), receive)
    }
}

extension RunningServer.Answer {
    init(_ answer: inout ExampleClient.Answer) async throws {
        status = answer.status
        headers = answer.headers
        text = String(decoding: try await answer.body(), as: UTF8.self)
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
