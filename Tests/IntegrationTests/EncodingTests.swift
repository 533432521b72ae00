import Foundation
import GenAIOtel
import TestSupport
import Testing

/// The two encodings, judged by the official generated classes.
@Suite("OTLP's encodings, decoded by opentelemetry-proto", .blocking)
struct EncodingTests {
    @Test(
        "10 000 random snapshots are right in both encodings, and say the same",
        Program.areThere(.receiver, .receiverPython)
    )
    func sameMessage() throws {
        let folder = try TemporaryFolder()
        let resource = Resource(["service.name": .string("test"), "process.pid": .int(7)])
        let (json, protobuf) = (OTLPJSONEncoder(resource: resource), OTLPProtobufEncoder(resource: resource))
        var snapshots = RandomSnapshots(seed: 17, time: UInt64(Date().timeIntervalSince1970) * 1_000_000_000)
        var bodies = Data()
        for _ in 0..<10_000 {
            let snapshot = snapshots.next()
            for body in [json.encode(snapshot), protobuf.encode(snapshot)] {
                withUnsafeBytes(of: UInt32(body.count).littleEndian) { bodies.append(contentsOf: $0) }
                bodies.append(contentsOf: body)
            }
        }
        let file = "\(folder.path)/bodies"
        try bodies.write(to: URL(fileURLWithPath: file))
        let program = try folder.write(Self.program, to: "compare.py")
        let python = try ChildProcess(
            Program.receiverPython.requirePath(),
            [program, Program.receiver.requirePath(), file]
        )
        defer { python.stop() }
        let last = python.waitForLine(containing: "compared", limit: .seconds(300))
        #expect(last == "10000 compared, 0 differ", "\(python.lines.suffix(20))")
    }

    @Test(
        "the strict receiver finds nothing wrong with any kind of metric, in either encoding and temporality",
        Program.areThere(.receiver, .receiverPython),
        arguments: ["http/json", "http/protobuf"],
        ["cumulative", "delta"]
    )
    func everyKind(encoding: String, temporality: String) throws {
        // One part of the second export is refused, so that it is taken back by itself.
        let receiver = try StrictReceiver(["ok*9", "status=400", "ok*inf"])
        defer { receiver.process.stop() }
        var configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_PROTOCOL": encoding,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality, "GENAI_LOG_LEVEL": "none",
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
            "GENAI_EXPORT_OWN_METRICS": "true", "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false",
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
        ])
        configuration.otlp.maxPointsPerExport = 5
        let instrumentation = GenAIInstrumentation(configuration)
        instrumentation.start()
        let metrics = instrumentation.serverMetrics
        var count: UInt64 = 0
        for round in 0..<4 {
            for model in 0..<5 {
                let request = metrics.enqueueRequest(model: "model \(model)")
                request.markFirstToken()
                request.finish(outputTokens: 3, error: model == round ? CancellationError() : nil)
            }
            metrics.setKVCacheUsage(model: "a \"name\"\n🦙", percent: 33.3)
            count += 3
            var reading = ModelReading(model: "theirs", requestsRunning: round)
            reading.requestDuration = HistogramReading(
                bounds: [0.5, 1],
                bucketCounts: [count, 1, 0],
                sum: Double(count)
            )
            reading.outputTokens = Int(count)
            let server = ServerIdentity(engine: "mine", address: "h", port: 1)
            metrics.record(ServerReading(server: server, models: [reading]))
            #expect(instrumentation.forceFlush() == (round != 1))
        }
        #expect(instrumentation.shutdown())
        let entries = try receiver.waitForEntries(instrumentation.exportStatistics.requestsSent)
        #expect(entries.flatMap(\.findings) == [])
        #expect(entries.allSatisfy { (1...5).contains($0.points) })
        #expect(entries.filter { $0.status == 400 }.count == 1)
        let bodies = entries.map { String(describing: $0.body) }
        for name in ["exponentialHistogram", "genai.server.polled", "otel.sdk.exporter.operation.duration"] {
            #expect(bodies.contains { $0.contains(name) }, "\(name)")
        }
    }

    private static let program = """
        import importlib.util, struct, sys
        spec = importlib.util.spec_from_file_location("receiver", sys.argv[1])
        receiver = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(receiver)
        data, position, number, different = open(sys.argv[2], "rb").read(), 0, 0, 0

        def take():
            global position
            length, = struct.unpack_from("<I", data, position)
            position += 4 + length
            return data[position - length:position]

        while position < len(data):
            json, protobuf = receiver.check(take()), receiver.check_protobuf(take())
            number += 1
            if json["errors"] or protobuf["errors"] or json["message"] != protobuf["message"]:
                different += 1
                print(number, json["errors"][:3], protobuf["errors"][:3])
        print(number, "compared,", different, "differ")
        """
}
