// Stands for an OpenTelemetry Collector: takes what is sent to it over OTLP/HTTP, on loopback.

import Foundation
import Hummingbird
import Logging
import Synchronization

final class CollectorStub: Sendable {
    private let received = Mutex<[Data]>([])

    /// Runs a collector while the body runs.
    static func with(
        _ body: (_ stub: CollectorStub, _ endpoint: String) async throws -> Void
    ) async throws {
        let stub = CollectorStub()
        let router = Router()
        router.post("v1/metrics") { request, _ in
            let buffer = try await request.body.collect(upTo: 1 << 22)
            stub.received.withLock { $0.append(Data(buffer.readableBytesView)) }
            return Response(
                status: .ok,
                headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "{}"))
            )
        }
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in continuation.yield(channel.localAddress?.port ?? 0) },
            logger: Logger(label: "collector") { _ in SwiftLogNoOpLogHandler() }
        )
        let running = Task {
            defer { continuation.finish() }
            try await application.run()
        }
        guard let port = await ports.first(where: { _ in true }) else { return try await running.value }
        let result: Result<Void, any Error>
        do { result = .success(try await body(stub, "http://127.0.0.1:\(port)")) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        try result.get()
    }

    var exportCount: Int { received.withLock { $0.count } }

    /// The value of a counter in the newest export, by its `error.type`, which is empty for requests that ended well.
    func lastRequestCounts() throws -> [String: Int] {
        guard let data = received.withLock({ $0.last }) else { return [:] }
        let export = try JSONDecoder().decode(Export.self, from: data)
        let metrics = export.resourceMetrics.flatMap(\.scopeMetrics).flatMap(\.metrics)
        let points = metrics.first { $0.name == "gen_ai.requests" }?.sum?.dataPoints ?? []
        return points.reduce(into: [:]) { counts, point in
            let type = point.attributes.first { $0.key == "error.type" }?.value.stringValue ?? ""
            counts[type, default: 0] += Int(point.asInt) ?? 0
        }
    }

    private struct Export: Decodable {
        struct ResourceMetrics: Decodable {
            var scopeMetrics: [ScopeMetrics]
        }

        struct ScopeMetrics: Decodable {
            var metrics: [Metric]
        }

        struct Metric: Decodable {
            var name: String
            var sum: Sum?
        }

        struct Sum: Decodable {
            var dataPoints: [Point]
        }

        struct Point: Decodable {
            var asInt: String
            var attributes: [Attribute]
        }

        struct Attribute: Decodable {
            struct Value: Decodable {
                var stringValue: String?
            }

            var key: String
            var value: Value
        }

        var resourceMetrics: [ResourceMetrics]
    }
}
