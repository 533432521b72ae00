import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Export during an outage, against a real server", .blocking)
struct OutageTests {
    private let recorder = LogRecorder()
    private let time = ManualTimeSource()

    /// There is no time for a second attempt.
    private func exporter(_ url: String, change: (inout OTLPConfiguration) -> Void = { _ in }) throws -> Delivery {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": url]).otlp
        change(&configuration)
        let exporter = try OTLPHTTPExporter(
            configuration,
            resource: Resource(["service.name": .string("test")]),
            log: recorder.log(),
            retryPolicy: RetryPolicy(firstDelay: .seconds(60), longestDelay: .seconds(60)),
            timeSource: time
        )
        return Delivery(exporter, timeout: .seconds(10), timeSource: time)
    }

    private func snapshot(_ number: Int) -> MetricSnapshot {
        MetricSnapshot(time: UInt64(number), metrics: [Metric(.requestsRunning, [NumberPoint([], .int(number))])])
    }

    private func export(_ number: Int, _ exporter: Delivery) -> Bool {
        exporter.export(snapshot(number), until: time.now + .seconds(10))
    }

    /// The times of the snapshots in the requests, in the order of their arrival.
    private func times(_ bodies: [Data]) -> [Int] {
        bodies.map { body in
            let text = String(decoding: body, as: UTF8.self)
            let number = text.components(separatedBy: #""timeUnixNano":""#).last?.prefix { $0.isNumber }
            return number.flatMap { Int($0) } ?? -1
        }
    }

    @Test("what was collected during an outage arrives afterwards: all of it, in order, once, each with its own time")
    func delivered() throws {
        let isDown = Monitor(true)
        let accepted = Monitor<[Data]>([])
        let server = try LoopbackServer { request in
            guard !isDown.read({ $0 }) else { return .text("", status: 503) }
            accepted.mutate { $0.append(request.body) }
            return .json("{}")
        }
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        for number in 1...60 {
            #expect(!export(number, exporter))
        }
        #expect(exporter.statistics.exportsBuffered == 60)
        #expect(recorder.lines(.warning).count == 1, "an outage is said once")
        isDown.mutate { $0 = false }
        #expect(export(61, exporter))
        #expect(times(accepted.read { $0 }) == Array(1...61))
        #expect(exporter.statistics.exportsDelivered == 61)
        #expect(exporter.statistics.exportsFailed == 0)
        #expect(exporter.statistics.exportsBuffered == 0)
        #expect(recorder.lines(.info).count == 1)
    }

    @Test("beyond the limit the oldest is dropped, counted and logged")
    func overflow() throws {
        let isDown = Monitor(true)
        let accepted = Monitor<[Data]>([])
        let server = try LoopbackServer { request in
            guard !isDown.read({ $0 }) else { return .close }
            accepted.mutate { $0.append(request.body) }
            return .json("{}")
        }
        defer { server.stop() }
        let exporter = try exporter(server.url) { $0.outageBufferLimit = 5 }
        defer { exporter.close() }
        for number in 1...12 {
            #expect(!export(number, exporter))
        }
        #expect(exporter.statistics.exportsFailed == 7)
        #expect(exporter.statistics.pointsDropped == 7)
        #expect(recorder.lines(.warning).count { $0.contains("dropped") } == 1)
        isDown.mutate { $0 = false }
        #expect(export(13, exporter))
        #expect(times(accepted.read { $0 }) == Array(9...13))
        #expect(exporter.statistics.exportsFailed == 8)
        #expect(exporter.statistics.exportsDelivered == 5)
        #expect(recorder.lines(.info).contains { $0.contains("no longer dropped") })
    }

    @Test("what the collector refuses for good is dropped alone")
    func refused() throws {
        let isDown = Monitor(true)
        let accepted = Monitor<[Data]>([])
        let server = try LoopbackServer { request in
            guard !isDown.read({ $0 }) else { return .text("", status: 502) }
            if String(decoding: request.body, as: UTF8.self).contains(#""asInt":"2""#) { return .text("", status: 400) }
            accepted.mutate { $0.append(request.body) }
            return .json("{}")
        }
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        for number in 1...3 { exporter.accept(snapshot(number)) }
        exporter.deliver(Cancellation())
        #expect(exporter.statistics.exportsBuffered == 3)
        isDown.mutate { $0 = false }
        exporter.deliver(Cancellation())
        #expect(times(accepted.read { $0 }) == [1, 3])
        #expect(exporter.statistics.exportsFailed == 1)
        #expect(exporter.statistics.exportsDelivered == 2)
    }

    @Test("what waits when the exporter is closed counts as dropped, and is logged")
    func closed() throws {
        let server = try LoopbackServer(always: .text("", status: 503))
        defer { server.stop() }
        let exporter = try exporter(server.url)
        for number in 1...3 { exporter.accept(snapshot(number)) }
        exporter.deliver(Cancellation())
        exporter.close()
        #expect(exporter.statistics.exportsFailed == 3)
        #expect(exporter.statistics.exportsBuffered == 0)
        #expect(recorder.lines(.warning).last?.contains("3 exports to \(server.url)/v1/metrics are dropped") == true)
    }

    @Test("switched off, an export that can't be delivered is dropped, and the next one is none the worse for it")
    func off() throws {
        let isDown = Monitor(true)
        let server = try LoopbackServer { _ in isDown.read { $0 } ? .text("", status: 503) : .json("{}") }
        defer { server.stop() }
        let exporter = try exporter(server.url) { $0.outageBufferLimit = 0 }
        defer { exporter.close() }
        #expect(!export(1, exporter))
        #expect(exporter.statistics.exportsFailed == 1)
        isDown.mutate { $0 = false }
        #expect(export(2, exporter))
        #expect(exporter.statistics.exportsDelivered == 1)
    }
}
