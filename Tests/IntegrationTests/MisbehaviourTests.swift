import Foundation
import GenAIOtel
import TestSupport
import Testing

/// A way for the receiver to misbehave, and what shall become of the export that meets it.
struct Misbehaviour: CustomTestStringConvertible, Sendable {
    let specification: String
    let isDelivered: Bool

    var testDescription: String { specification }

    static let all: [Misbehaviour] =
        [
            // Taken for a success at once.
            "ok", "partial=1", "warning=look out", "nullpartial", "empty", "slow=0.2", "stall=0.2", "drip=0.3",
            "protobuf",
            "continue", "headers=50000",
            // Sent again, then delivered.
            "throttle=1", "unavailable", "unavailable=1", "status=502", "status=504", "close", "reset", "midreset",
            "truncate", "badhttp", "headers=2000000",
        ].map { Misbehaviour(specification: $0, isDelivered: true) }
        + [
            // Dropped.
            "status=400", "status=401", "status=404", "status=500", "redirect=http://127.0.0.1:9/", "huge=6000000",
            "bomb=6000000", "garbage", "html", "hang", "throttle=60",
        ].map { Misbehaviour(specification: $0, isDelivered: false) }
}

@Suite("instrument(), against a strict receiver that misbehaves", .serialized, .blocking)
struct MisbehaviourTests {
    @Test(
        "the export ends as it should, the next one works, and the receiver finds nothing wrong with either",
        Program.areThere(.receiver, .receiverPython),
        arguments: Misbehaviour.all,
        ["none", "gzip"]
    )
    func misbehaviour(_ misbehaviour: Misbehaviour, compression: String) throws {
        let receiver = try StrictReceiver([misbehaviour.specification])
        defer { receiver.process.stop() }
        var configuration = Configuration(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "4000", "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
        ])
        let recorder = LogRecorder()
        configuration.logHandler = recorder.handler
        let instrumentation = instrument(configuration)
        getServerMetrics()?.setKVCacheUsage(model: "a \"name\"\n🦙", percent: 33.3)
        getServerMetrics()?.setRequestsMax(5)

        #expect(instrumentation.forceFlush(timeout: .seconds(10)) == misbehaviour.isDelivered, "\(recorder.messages)")
        getServerMetrics()?.setRequestsRunning(1)
        // A Retry-After of a minute holds this one back too.
        let isThrottled = misbehaviour.specification == "throttle=60"
        #expect(instrumentation.shutdown(timeout: .seconds(10)) == !isThrottled, "\(recorder.messages)")

        let entries = try receiver.waitForEntries(isThrottled ? 1 : 2)
        // That the client hangs up on an answer without end is not about what it sent, and that it sends the same again
        // is what it shall do when an answer got lost.
        let findings = entries.flatMap(\.findings)
            .filter { !$0.contains("client closed the connection") && !$0.hasPrefix("repeat: ") }
        #expect(findings.isEmpty)
        #expect(entries.allSatisfy { $0.points == 4 })
        #expect(instrumentation.exportStatistics.exportsFailed == (misbehaviour.isDelivered ? 0 : isThrottled ? 2 : 1))
    }
}
