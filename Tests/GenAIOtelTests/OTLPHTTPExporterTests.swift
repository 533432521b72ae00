import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("OTLPHTTPExporter, against a real server", .blocking)
struct OTLPHTTPExporterTests {
    private let recorder = LogRecorder()
    private let snapshot = MetricSnapshot(time: 5, metrics: [Metric(.requestsRunning, [NumberPoint([], .int(3))])])

    private func exporter(
        _ url: String,
        timeSource: any TimeSource = SystemTimeSource(),
        retryPolicy: RetryPolicy = RetryPolicy(firstDelay: .milliseconds(1)),
        change: (inout OTLPConfiguration) -> Void = { _ in },
        gzip: () -> OTLPHTTPExporter.Compressor? = { Gzip()?.compress }
    ) throws -> Delivery {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url + "/v1/metrics"]
        )
        .otlp
        change(&configuration)
        let resource = Resource(["service.name": .string("test")])
        let exporter = try OTLPHTTPExporter(
            configuration,
            resource: resource,
            log: recorder.log(),
            retryPolicy: retryPolicy,
            timeSource: timeSource,
            gzip: gzip
        )
        return Delivery(exporter, timeout: .seconds(3600), timeSource: timeSource)
    }

    /// Exports the snapshot and delivers all there is; the outcome, and the requests that it took.
    private func export(_ exporter: Delivery, until deadline: ContinuousClock.Instant) -> Outcome {
        let before = exporter.statistics.requestsSent
        let isDelivered = exporter.export(snapshot, until: deadline)
        return Outcome(isDelivered: isDelivered, requests: exporter.statistics.requestsSent - before)
    }

    private func export(_ exporter: Delivery, within limit: Duration = .seconds(10)) -> Outcome {
        export(exporter, until: .now + limit)
    }

    private struct Outcome: Equatable {
        var isDelivered: Bool
        var requests = 0
    }

    @Test("a request has the path, headers and body that OTLP asks for")
    func request() throws {
        let server = try LoopbackServer(always: .json(#"{"partialSuccess":{}}"#))
        defer { server.stop() }
        let exporter = try exporter(server.url) { $0.headers = ["X-Api-Key": "k=1"] }
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: true, requests: 1))
        let request = try #require(server.requests.first)
        #expect(request.method == "POST")
        #expect(request.target == "/v1/metrics")
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["content-encoding"] == nil)
        #expect(request.headers["x-api-key"] == "k=1")
        #expect(request.headers["user-agent"]?.hasSuffix("OTel-OTLP-Exporter-Swift/\(PackageInfo.version)") == true)
        let resource = Resource(["service.name": .string("test")])
        #expect(request.body == Data(OTLPJSONEncoder(resource: resource).encode(snapshot)))
    }

    @Test("in protobuf, the type and the body are another's, and the answer is understood")
    func protobuf() throws {
        let answer = Data([0x0A, 0x07, 0x08, 0x01, 0x12, 0x03]) + Data("bad".utf8)
        let server = try LoopbackServer(
            always: .response(200, headers: ["Content-Type": "application/x-protobuf"], body: answer)
        )
        defer { server.stop() }
        let exporter = try exporter(server.url) { $0.protocol = .httpProtobuf }
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: true, requests: 1))
        let request = try #require(server.requests.first)
        #expect(request.headers["content-type"] == "application/x-protobuf")
        let resource = Resource(["service.name": .string("test")])
        #expect(request.body == Data(OTLPProtobufEncoder(resource: resource).encode(snapshot)))
        #expect(exporter.statistics.pointsRejected == 1)
        #expect(recorder.lines(.warning).first?.hasSuffix(#"rejected 1 points: "bad""#) == true)
    }

    @Test("port 4317 gets a hint that it is for gRPC", arguments: [4317, 4318])
    func portOfGRPC(port: Int) throws {
        try exporter("http://127.0.0.1:\(port)").close()
        #expect(recorder.lines(.warning).filter { $0.contains("4317") }.count == (port == 4317 ? 1 : 0))
    }

    @Test("the connection is kept between exports")
    func keepAlive() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        for _ in 0..<3 { #expect(export(exporter).isDelivered) }
        #expect(server.requests.map(\.connection) == [0, 0, 0])
    }

    @Test("gzip on request: the body is one gzip member of the same JSON")
    func gzip() throws {
        try #require(Gzip() != nil, "libz is not installed")
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let exporter = try exporter(server.url) { $0.compression = .gzip }
        defer { exporter.close() }
        #expect(export(exporter).isDelivered)
        let request = try #require(server.requests.first)
        #expect(request.headers["content-encoding"] == "gzip")
        #expect(request.body.prefix(3) == Data([0x1F, 0x8B, 8]))
        let plain = OTLPJSONEncoder(resource: Resource(["service.name": .string("test")])).encode(snapshot)
        // The last four bytes of a member are the length of what was compressed (RFC 1952).
        let length = request.body.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length == plain.count)
        #expect(request.body.count < plain.count)
    }

    @Test("a body that could not be compressed is sent as it is, and says so; the next one is compressed again")
    func gzipFails() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let isBroken = Monitor(true)
        let exporter = try exporter(
            server.url,
            change: { $0.compression = .gzip },
            gzip: { { body in isBroken.read { $0 } ? nil : Array(body.reversed()) } }
        )
        defer { exporter.close() }
        #expect(export(exporter).isDelivered)
        isBroken.mutate { $0 = false }
        #expect(export(exporter).isDelivered)
        let plain = OTLPJSONEncoder(resource: Resource(["service.name": .string("test")])).encode(snapshot)
        #expect(server.requests.map(\.body) == [Data(plain), Data(plain.reversed())])
        #expect(server.requests.map { $0.headers["content-encoding"] } == [nil, "gzip"])
    }

    @Test("without libz exports are sent uncompressed, with one warning")
    func noGzip() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let exporter = try exporter(server.url, change: { $0.compression = .gzip }, gzip: { nil })
        defer { exporter.close() }
        #expect(export(exporter).isDelivered)
        #expect(server.requests.first?.headers["content-encoding"] == nil)
        #expect(recorder.lines(.warning) == ["Exports are not compressed: libz is not installed"])
    }

    @Test("an empty snapshot makes no request")
    func empty() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        let empty = MetricSnapshot(time: 1, metrics: [])
        #expect(exporter.export(empty, until: .now + .seconds(1)))
        #expect(exporter.statistics == ExportStatistics())
        #expect(server.requests.isEmpty)
    }

    @Test("unavailable, throttled, closed and reset are sent again until it works; the log is quiet about it")
    func retry() throws {
        let answers = Monitor<[LoopbackAnswer]>([.text("", status: 503), .close, .reset, .text("", status: 502)])
        let server = try LoopbackServer { _ in
            answers.mutate { $0.isEmpty ? .json("{}") : $0.removeFirst() }
        }
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: true, requests: 5))
        #expect(Set(server.requests.map(\.body)).count == 1, "the same snapshot each time")
        #expect(recorder.lines(.warning).isEmpty)
    }

    @Test("a refused export is not sent again and is logged once a minute, then once when it works again")
    func refusedAndLogged() throws {
        let status = Monitor(400)
        let server = try LoopbackServer { _ in .json("{}", status: status.read { $0 }) }
        defer { server.stop() }
        let time = ManualTimeSource()
        let exporter = try exporter(server.url, timeSource: time)
        defer { exporter.close() }
        for _ in 0..<5 { #expect(export(exporter) == Outcome(isDelivered: false, requests: 1)) }
        #expect(recorder.lines(.warning).count == 1)
        time.advance(by: .seconds(61))
        #expect(!export(exporter).isDelivered)
        #expect(recorder.lines(.warning).count == 2)
        #expect(recorder.lines(.warning).last?.contains("4 times") == true)
        status.mutate { $0 = 200 }
        #expect(export(exporter).isDelivered)
        #expect(export(exporter).isDelivered)
        #expect(recorder.lines(.info).count == 1)
        #expect(server.requests.count == 8)
    }

    @Test("Retry-After is obeyed within an export")
    func retryAfter() throws {
        let isFirst = Monitor(true)
        let server = try LoopbackServer { _ in
            let first = isFirst.mutate { value in
                defer { value = false }
                return value
            }
            return first ? .response(429, headers: ["Retry-After": "7"]) : .json("{}")
        }
        defer { server.stop() }
        let time = ManualTimeSource()
        let exporter = try exporter(server.url, timeSource: time)
        defer { exporter.close() }
        let outcome = Monitor<Outcome?>(nil)
        Thread.detachNewThread {
            let result = export(exporter, until: time.now + .seconds(60))
            outcome.mutate { $0 = result }
        }
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(7))
        time.advance(by: .seconds(7))
        let result = outcome.wait(until: .now + .seconds(60)) { $0 }
        #expect(result == Outcome(isDelivered: true, requests: 2))
    }

    @Test("a Retry-After beyond the deadline fails at once and holds the next exports back until then")
    func throttled() throws {
        let server = try LoopbackServer(always: .response(503, headers: ["Retry-After": "300"]))
        defer { server.stop() }
        let time = ManualTimeSource()
        let exporter = try exporter(server.url, timeSource: time)
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: false, requests: 1))
        #expect(export(exporter) == Outcome(isDelivered: false, requests: 0))
        time.advance(by: .seconds(299))
        #expect(export(exporter, until: time.now + .milliseconds(1)).requests == 0)
        time.advance(by: .seconds(1))
        #expect(export(exporter, until: time.now + .seconds(5)).requests == 1)
        #expect(server.requests.count == 2)
        #expect(recorder.lines(.warning).count == 2)
        #expect(
            recorder.lines(.warning).last?.contains(
                "throttled by the collector (Retry-After), beyond this export's timeout"
            ) == true
        )
    }

    @Test("the deadline holds, retries included, against a collector that hangs, drips or refuses")
    func deadline() throws {
        let hanging = try LoopbackServer(always: .hang)
        let dripping = try LoopbackServer(always: .drip(interval: .milliseconds(5)))
        defer {
            hanging.stop()
            dripping.stop()
        }
        // Who drips has said 200 before.
        for (url, isDelivered) in [(RefusedPort.url, false), (hanging.url, false), (dripping.url, true)] {
            let exporter = try exporter(url) { $0.timeout = .milliseconds(150) }
            defer { exporter.close() }
            let start = ContinuousClock.now
            #expect(export(exporter, within: .seconds(60)).isDelivered == isDelivered)
            #expect(start.duration(to: .now) < .seconds(10))
        }
    }

    @Test("a cancellation ends an export, also while it waits to send again")
    func cancellation() throws {
        let server = try LoopbackServer(always: .text("", status: 503))
        defer { server.stop() }
        let time = ManualTimeSource()
        let exporter = try exporter(server.url, timeSource: time, retryPolicy: RetryPolicy(firstDelay: .seconds(5)))
        defer { exporter.close() }
        let cancellation = Cancellation()
        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = exporter.export(snapshot, until: time.now + .seconds(9), stop: cancellation)
            outcome.mutate { $0 = result }
        }
        #expect(time.waitForSleepers())
        cancellation.cancel()
        #expect(outcome.wait(until: .now + .seconds(60)) { $0 } == false)
        #expect(exporter.statistics.requestsSent == 1)
        #expect(recorder.lines(.warning).isEmpty, "the collector has not failed")
    }

    @Test("a cancellation ends a throttle too, and that is no failure of the collector")
    func cancelledThrottle() throws {
        let server = try LoopbackServer(always: .response(503, headers: ["Retry-After": "60"]))
        defer { server.stop() }
        let time = ManualTimeSource()
        let exporter = try exporter(server.url, timeSource: time) { $0.timeout = .seconds(120) }
        defer { exporter.close() }
        #expect(!exporter.export(snapshot, until: time.now + .seconds(50)))
        let warnings = recorder.lines(.warning)
        let cancellation = Cancellation()
        let outcome = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let result = exporter.export(snapshot, until: time.now + .seconds(100), stop: cancellation)
            outcome.mutate { $0 = result }
        }
        #expect(time.waitForSleepers())
        #expect(time.timeUntilNextDeadline == .seconds(60))
        cancellation.cancel()
        #expect(outcome.wait(until: .now + .seconds(60)) { $0 } == false)
        #expect(exporter.statistics.requestsSent == 1)
        #expect(exporter.statistics.exportsBuffered == 2)
        #expect(recorder.lines(.warning) == warnings)
    }

    @Test("a warning without a rejection is passed on; each line tells which exporter it is about")
    func warning() throws {
        let server = try LoopbackServer(always: .json(#"{"partialSuccess":{"errorMessage":"slow down"}}"#))
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        #expect(export(exporter).isDelivered)
        let line = try #require(recorder.lines.first { $0.level == .warning })
        #expect(line.message == #"The collector at \#(server.url)/v1/metrics warns: "slow down""#)
        #expect(line.metadata == ["component": "exporter", "endpoint": "\(server.url)/v1/metrics"])
    }

    @Test("partial success counts and logs what was rejected, with the message made harmless")
    func partialSuccess() throws {
        let body = #"{"partialSuccess":{"rejectedDataPoints":"1","errorMessage":"bad\n\u001b[31m"}}"#
        let server = try LoopbackServer(always: .json(body))
        defer { server.stop() }
        let exporter = try exporter(server.url)
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: true, requests: 1))
        #expect(exporter.statistics.pointsRejected == 1)
        #expect(exporter.statistics.pointsDelivered == 0)
        let line = try #require(recorder.lines(.warning).first)
        #expect(line.contains(#"bad\n"#))
        #expect(!line.unicodeScalars.contains { $0.value < 32 })
    }

    @Test("a redirect is refused and the headers do not travel on")
    func redirect() throws {
        let other = try LoopbackServer(always: .json("{}"))
        let server = try LoopbackServer(always: .response(307, headers: ["Location": other.url]))
        defer {
            server.stop()
            other.stop()
        }
        let exporter = try exporter(server.url) { $0.headers = ["Authorization": "s3cret"] }
        defer { exporter.close() }
        #expect(export(exporter) == Outcome(isDelivered: false, requests: 1))
        #expect(other.requests.isEmpty)
    }

    @Test("no log line shows credentials of the URL or values of headers")
    func secrets() throws {
        let exporter = try exporter("http://me:s3cret@127.0.0.1:\(RefusedPort.number)/p?key=s3cret") {
            $0.headers = ["x": "s3cret"]
            $0.timeout = .milliseconds(20)
        }
        defer { exporter.close() }
        #expect(!export(exporter).isDelivered)
        #expect(!recorder.lines.isEmpty)
        #expect(recorder.messages.allSatisfy { !$0.contains("s3cret") })
    }

    @Test("certificate files that can't be honoured keep export off, with the reason")
    func certificates() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("genai-otel-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ text: String) throws -> String {
            let url = folder.appendingPathComponent(name)
            try Data(text.utf8).write(to: url)
            return url.path
        }
        let certificate = try file("c.pem", "-----BEGIN CERTIFICATE-----\n")
        let key = try file("k.pem", "-----BEGIN PRIVATE KEY-----\n")
        let encrypted = try file("e.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")

        func obstacle(_ change: (inout OTLPConfiguration) -> Void) -> String? {
            do {
                try exporter("https://c", change: change).close()
                return nil
            } catch {
                return "\(error)"
            }
        }
        for path in [\OTLPConfiguration.certificateFile, \.clientCertificateFile, \.clientKeyFile] {
            #expect(obstacle { $0[keyPath: path] = folder.path + "/none.pem" }?.contains("can't be read") == true)
            let wrong = path == \.clientKeyFile ? certificate : key
            #expect(obstacle { $0[keyPath: path] = wrong }?.contains("holds no PEM") == true)
        }
        #expect(obstacle { $0.clientCertificateFile = certificate }?.contains("needed together") == true)
        #expect(obstacle { $0.clientKeyFile = key }?.contains("needed together") == true)
        #expect(
            obstacle { ($0.clientCertificateFile, $0.clientKeyFile) = (certificate, encrypted) }?.contains("encrypted")
                == true
        )
        #if os(Linux)
        #expect(obstacle { ($0.clientCertificateFile, $0.clientKeyFile) = (certificate, key) } == nil)
        #expect(obstacle { $0.certificateFile = certificate } == nil)
        #endif
    }
}
