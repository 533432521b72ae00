import GRPCCore
import GRPCInProcessTransport
import GenAIOtel
import Testing

@testable import Integrations

@Suite("gRPC")
struct TrackingInterceptorTests {
    private let metrics = ServerMetricsCollector()

    private var interceptor: TrackingInterceptor {
        TrackingInterceptor(
            metrics: metrics,
            model: { _, metadata in metadata[stringValues: "model"].first { _ in true } ?? "m" },
            tokens: { ($0 as? String)?.split(separator: " ").count ?? 0 }
        )
    }

    /// Calls the server, and gives its messages.
    private func call(_ prompt: String, metadata: Metadata = [:]) async throws -> [String] {
        let transport = InProcessTransport()
        return try await withGRPCServer(
            transport: transport.server,
            services: [TestService()],
            interceptors: [interceptor]
        ) { _ in
            try await withGRPCClient(transport: transport.client) { client in
                try await client.serverStreaming(
                    request: ClientRequest(message: prompt, metadata: metadata),
                    descriptor: TestService.generate,
                    serializer: TextCoder(),
                    deserializer: TextCoder(),
                    options: .defaults
                ) { response in
                    try await response.messages.reduce(into: []) { $0.append($1) }
                }
            }
        }
    }

    @Test("a call is a request, its messages are counted as tokens, its model comes from the metadata")
    func success() async throws {
        let messages = try await call("answer", metadata: ["model": "llama"])
        #expect(messages == ["Hello", "to you all"])
        #expect(metrics.ended == ["": 1])
        #expect(metrics.tokens == ["output": 4])
        #expect(metrics.firstTokens == 1)
        #expect(metrics.requestsRunning == 0)
        #expect(metrics.points("gen_ai.requests").map { $0.attributes["gen_ai.request.model"] } == ["llama"])
    }

    @Test(
        "a call that fails is an error by its status code, before and in the middle of the answer",
        arguments: [
            ("full", "resourceExhausted", 0), ("lost", "unavailable", 1), ("broken", "unknown", 0),
            ("no such prompt", "invalidArgument", 0),
        ]
    )
    func failure(prompt: String, errorType: String, firstTokens: UInt64) async {
        await #expect(throws: RPCError.self) { try await call(prompt) }
        #expect(metrics.ended == [errorType: 1])
        #expect(metrics.firstTokens == firstTokens)
        #expect(metrics.requestsRunning == 0)
    }

    @Test("a call that is cancelled is no error of the server, and one that is answered all the same is none at all")
    func cancelled() async throws {
        for (prompt, ended) in [("wait", ["client_gone": 1]), ("answer", ["client_gone": 1, "": 1])] {
            let cancellation = ServerContext.RPCCancellationHandle()
            let context = ServerContext(
                descriptor: TestService.generate,
                remotePeer: "client",
                localPeer: "server",
                cancellation: cancellation
            )
            let response = try await interceptor.intercept(
                request: StreamingServerRequest(single: ServerRequest(metadata: [:], message: prompt)),
                context: context,
                next: { try await TestService().generate(ServerRequest(stream: $0), $1) }
            )
            #expect(metrics.requestsRunning == 1)
            cancellation.cancel()
            _ = try? await response.accepted.get().producer(RPCWriter(wrapping: Discarding()))
            #expect(metrics.ended == ended)
        }
    }

    @Test("a call that the client gives no more time has been given up by it")
    func deadline() async throws {
        let transport = InProcessTransport()
        var options = CallOptions.defaults
        options.timeout = .milliseconds(50)
        try await withGRPCServer(
            transport: transport.server,
            services: [TestService()],
            interceptors: [interceptor]
        ) { _ in
            try await withGRPCClient(transport: transport.client) { client in
                _ = await #expect(throws: RPCError.self) {
                    try await client.serverStreaming(
                        request: ClientRequest(message: "wait"),
                        descriptor: TestService.generate,
                        serializer: TextCoder(),
                        deserializer: TextCoder(),
                        options: options
                    ) { response in for try await _ in response.messages {} }
                }
            }
        }
        #expect(metrics.ended == ["client_gone": 1])
    }
}

/// Answers by what the prompt asks for.
private struct TestService: RegistrableRPCService {
    static let generate = MethodDescriptor(fullyQualifiedService: "test.Engine", method: "Generate")

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(forMethod: Self.generate, deserializer: TextCoder(), serializer: TextCoder()) {
            try await generate(ServerRequest(stream: $0), $1)
        }
    }

    func generate(
        _ request: GRPCCore.ServerRequest<String>,
        _ context: ServerContext
    ) async throws -> StreamingServerResponse<String> {
        switch request.message {
        case "answer":
            return StreamingServerResponse { writer in
                try await writer.write("Hello")
                try await writer.write(contentsOf: ["to you all"])
                return [:]
            }
        case "lost":
            return StreamingServerResponse { writer in
                try await writer.write("Hel")
                throw RPCError(code: .unavailable, message: "The GPU is gone")
            }
        case "wait":
            return StreamingServerResponse { _ in
                try await context.cancellation.cancelled
                throw CancellationError()
            }
        case "full": return StreamingServerResponse(error: RPCError(code: .resourceExhausted, message: "Full"))
        case "broken": throw Broken()
        default: throw RPCError(code: .invalidArgument, message: "Unknown prompt")
        }
    }

    private struct Broken: Error {}
}

private struct TextCoder: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: String) throws -> Bytes { Bytes(message.utf8) }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> String {
        bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

private struct Discarding: RPCWriterProtocol {
    func write(_ element: String) async throws {}

    func write(contentsOf elements: some Sequence<String>) async throws {}
}
