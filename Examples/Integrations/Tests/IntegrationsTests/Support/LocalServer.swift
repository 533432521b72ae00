// Stands for an engine or an OpenTelemetry Collector: an HTTP server on loopback.

import NIOCore
import NIOPosix
import Synchronization

final class LocalServer: Sendable {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    /// Answers a request, all of which is in the text, in as many pieces as it likes.
    typealias Answer = @Sendable (_ request: String, _ write: (String) async throws -> Void) async throws -> Void

    private let requests = Mutex<[String]>([])
    private let answer: Answer
    let port: Int

    private init(port: Int, answer: @escaping Answer) {
        self.port = port
        self.answer = answer
    }

    var url: String { "http://127.0.0.1:\(port)" }
    /// The requests so far, as texts.
    var received: [String] { requests.withLock { $0 } }

    /// Runs a server while the body runs. Each connection is for one request.
    static func with(_ answer: @escaping Answer, _ body: (LocalServer) async throws -> Void) async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
        let server = LocalServer(port: listener.channel.localAddress?.port ?? 0, answer: answer)
        let running = Task {
            try await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask { try? await server.serve(connection) }
                    }
                }
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        try result.get()
    }

    private func serve(_ connection: Connection) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var text = ""
            for try await bytes in inbound {
                text += String(buffer: bytes)
                if Self.isComplete(text) { break }
            }
            requests.withLock { [text] in $0.append(text) }
            try await answer(text) { try await outbound.write(ByteBuffer(string: $0)) }
        }
    }

    private static func isComplete(_ text: String) -> Bool {
        guard let head = text.firstRange(of: "\r\n\r\n") else { return false }
        let length = text[..<head.lowerBound].lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) }
        return text[head.upperBound...].utf8.count >= length ?? 0
    }
}

/// A gate that opens once. Who waits for it goes on then.
struct Gate: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}
