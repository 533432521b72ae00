import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Headers that change, against a real server", .blocking)
struct HeaderProviderTests {
    private struct NoToken: Error { let text = "s3cret" }

    private let recorder = LogRecorder()
    private let snapshot = MetricSnapshot(time: 5, metrics: [Metric(.requestsRunning, [NumberPoint([], .int(3))])])

    private func delivery(
        _ server: LoopbackServer,
        timeout: Duration = .seconds(120),
        headers: [String: String] = [:],
        _ provider: @escaping @Sendable () async throws -> [String: String]
    ) throws -> Delivery {
        let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": server.url]
        var configuration = GenAIConfiguration(environment: environment).otlp
        configuration.headers = headers
        configuration.timeout = timeout
        configuration.headerProvider = provider
        let exporter = try OTLPHTTPExporter(
            configuration,
            resource: Resource(["service.name": .string("test")]),
            log: recorder.log(),
            retryPolicy: RetryPolicy(firstDelay: .milliseconds(1))
        )
        return Delivery(exporter, timeout: .seconds(240), timeSource: SystemTimeSource())
    }

    /// The number of this call.
    private static func next(_ counter: Monitor<Int>) -> Int {
        counter.mutate { count in
            count += 1
            return count
        }
    }

    private func export(_ delivery: Delivery) -> Bool { delivery.export(snapshot, until: .now + .seconds(240)) }

    @Test("it is asked before each export, not for repetitions, and its headers win in any case of their names")
    func asked() throws {
        let answers = Monitor<[Int]>([503])
        let server = try LoopbackServer { _ in .json("{}", status: answers.mutate { $0.popLast() ?? 200 }) }
        defer { server.stop() }
        let calls = Monitor(0)
        let delivery = try delivery(server, headers: ["Authorization": "old", "x": "1"]) {
            [
                "authorization": "Bearer \(Self.next(calls))"
            ]
        }
        defer { delivery.close() }
        #expect(export(delivery) && export(delivery))
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer 1", "Bearer 1", "Bearer 2"])
        #expect(
            server.requests.allSatisfy { $0.headers["x"] == "1" && $0.headers["content-type"] == "application/json" }
        )
    }

    @Test("after a 401 it is asked again, once", arguments: [1, 2])
    func unauthorized(times: Int) throws {
        let requests = Monitor(0)
        let server = try LoopbackServer { _ in
            .json(
                "{}",
                status: Self.next(requests) <= times ? 401 : 200
            )
        }
        defer { server.stop() }
        let calls = Monitor(0)
        let delivery = try delivery(server) {
            [
                "authorization": "Bearer \(Self.next(calls))"
            ]
        }
        defer { delivery.close() }
        #expect(export(delivery) == (times == 1))
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer 1", "Bearer 2"])
        #expect(delivery.statistics.exportsFailed == times - 1)
    }

    @Test("if it throws, the export waits for better times; its error is not shown")
    func throwing() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let isBroken = Monitor(true)
        let delivery = try delivery(server) {
            if isBroken.read({ $0 }) { throw NoToken() }
            return ["authorization": "Bearer t"]
        }
        defer { delivery.close() }
        #expect(!export(delivery))
        #expect(delivery.statistics.exportsBuffered == 1 && server.requests.isEmpty)
        #expect(recorder.lines(.warning).first?.contains(#"the header provider threw "NoToken""#) == true)
        #expect(recorder.messages.allSatisfy { !$0.contains("s3cret") })
        isBroken.mutate { $0 = false }
        #expect(export(delivery))
        #expect(delivery.statistics.exportsDelivered == 2)
    }

    @Test("if it is late, the export waits, and it is not called a second time meanwhile")
    func late() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let calls = Monitor(0)
        let isReleased = Monitor(false)
        let delivery = try delivery(server, timeout: .milliseconds(100)) {
            calls.mutate { $0 += 1 }
            // A task that does not care about its cancellation.
            while !isReleased.read({ $0 }) { await Task.yield() }
            return [:]
        }
        defer { delivery.close() }
        #expect(!export(delivery) && !export(delivery))
        // On a busy machine its task may begin late.
        #expect(eventually { calls.read { $0 } == 1 })
        #expect(delivery.statistics.exportsBuffered == 2 && server.requests.isEmpty)
        #expect(recorder.lines(.warning).first?.contains("the header provider has not returned in time") == true)
        isReleased.mutate { $0 = true }
        #expect(eventually { export(delivery) })
        #expect(delivery.statistics.exportsFailed == 0)
    }

    @Test("a cancellation does not wait for it, and is no failure")
    func cancelled() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let stop = Cancellation()
        let delivery = try delivery(server) {
            stop.cancel()
            try await Task.sleep(for: .seconds(3_600))
            return [:]
        }
        defer { delivery.close() }
        #expect(!delivery.export(snapshot, until: .now + .seconds(60), stop: stop))
        #expect(recorder.lines(.warning).isEmpty)
    }

    @Test("headers that can't be sent are left out, and no value is shown")
    func unusable() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let delivery = try delivery(server) {
            ["a": "s3cret\r\nb: c", "Content-Type": "s3cret", "x y": "s3cret", "good": "1"]
        }
        defer { delivery.close() }
        #expect(export(delivery))
        let request = try #require(server.requests.first)
        #expect(request.headers["good"] == "1" && request.headers["content-type"] == "application/json")
        #expect(request.headers["a"] == nil && request.headers["b"] == nil)
        #expect(recorder.lines(.warning).count == 1)
        #expect(recorder.messages.allSatisfy { !$0.contains("s3cret") })
    }
}
