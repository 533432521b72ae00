// A server on loopback that answers as a test tells it to: an engine, an Ollama, a collector.

import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization

final class FakeServer: Sendable {
    struct Answer: Sendable {
        var status = 200
        var type = "text/plain"
        var text: String

        static func json(_ text: String) -> Answer { Answer(type: "application/json", text: text) }
    }

    private let answers: Mutex<[String: Answer]>
    private let counts = Mutex<[String: Int]>([:])
    private let bodies = Mutex<[Data]>([])

    private init(_ answers: [String: Answer]) { self.answers = Mutex(answers) }

    /// Runs one with these answers, by path, while the body runs.
    static func with<Result>(
        _ answers: [String: Answer],
        _ body: (_ server: FakeServer, _ port: Int) async throws -> Result
    ) async throws -> Result {
        let server = FakeServer(answers)
        let router = Router()
        for method in [HTTPRequest.Method.get, .post] {
            router.on("**", method: method) { request, _ in
                let data = try await Data(buffer: request.body.collect(upTo: 1 << 22))
                return server.answer(request.uri.path, data)
            }
        }
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in continuation.yield(channel.localAddress?.port ?? 0) },
            logger: .silent
        )
        let services = ServiceGroup(configuration: .init(services: [application], logger: .silent))
        let running = Task { try await services.run() }
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(server, port)) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        return try result.get()
    }

    func set(_ path: String, _ answer: Answer) { answers.withLock { $0[path] = answer } }

    /// How often a path was asked for.
    func count(_ path: String) -> Int { counts.withLock { $0[path] ?? 0 } }

    /// What was posted.
    var posted: [Data] { bodies.withLock { $0 } }

    private func answer(_ path: String, _ data: Data) -> Response {
        counts.withLock { $0[path, default: 0] += 1 }
        if !data.isEmpty { bodies.withLock { $0.append(data) } }
        let answer = answers.withLock { $0[path] } ?? Answer(status: 404, text: "not found\n")
        return Response(
            status: .init(code: answer.status),
            headers: [.contentType: answer.type],
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.text))
        )
    }
}

extension FakeServer.Answer {
    /// A page of vLLM.
    static func vLLM(model: String = "llama", running: Int = 1, waiting: Int = 0, tokens: Int = 100)
        -> FakeServer.Answer
    {
        FakeServer.Answer(
            text: """
                vllm:num_requests_running{model_name="\(model)"} \(running)
                vllm:num_requests_waiting{model_name="\(model)"} \(waiting)
                vllm:kv_cache_usage_perc{model_name="\(model)"} 0.625
                vllm:generation_tokens_total{model_name="\(model)"} \(tokens)
                vllm:prompt_tokens_total{model_name="\(model)"} \(tokens * 4)

                """
        )
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    static func recording(_ lines: Locked<[String]>) -> Logger { Logger(label: "test") { _ in Recorder(lines: lines) } }

    private struct Recorder: LogHandler {
        var lines: Locked<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
    }
}
