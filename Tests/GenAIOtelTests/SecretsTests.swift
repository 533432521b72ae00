import Foundation
import GenAISupport
import TestSupport
import Testing

@testable import GenAIOtel

/// Secrets in every place that can hold one, and every way to make the package speak of it.
@Suite("Secrets stay out of logs, errors and descriptions", .serialized, .blocking)
struct SecretsTests {
    /// No other text in the package has this in it, also not by chance.
    private static let mark = "s3cr3t"
    private let recorder = LogRecorder()

    private func configuration(_ server: LoopbackServer, _ environment: [String: String] = [:]) -> GenAIConfiguration {
        let place = "user:pass-\(Self.mark)@127.0.0.1:\(server.port)"
        let secrets = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://\(place)/p?token=query-\(Self.mark)%2B%3D&key-\(Self.mark)",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=header-\(Self.mark),authorization=Bearer%20bearer-\(Self.mark)",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "300",
            "OLLAMA_BASE_URL": "http://\(place)",
            "GENAI_SERVER_METRICS_TARGETS": "http://\(place)/metrics?key=query-\(Self.mark)",
            "GENAI_LOG_LEVEL": "debug",
        ]
        var configuration = GenAIConfiguration(environment: secrets.merging(environment) { $1 })
        for index in configuration.engines.indices {
            configuration.engines[index].bearerToken = "bearer-\(Self.mark)"
            configuration.engines[index].headers = ["x-key": "header-\(Self.mark)"]
        }
        configuration.logHandler = recorder.handler
        return configuration
    }

    private func isSilent(_ texts: [String]) -> Bool {
        texts.allSatisfy {
            !$0.contains(Self.mark) && !$0.contains(Data("user:pass-\(Self.mark)".utf8).base64EncodedString())
        }
    }

    @Test(
        "against a server that sends back what it was sent, in every place that is looked at",
        arguments: [200, 202, 302, 400, 401, 403, 429, 500, 503]
    )
    func echo(status: Int) throws {
        let server = try LoopbackServer { request in
            let all = "\(request.target) \(request.headers.map { "\($0.key): \($0.value)" }.joined(separator: " "))"
            let echoed = all.replacingOccurrences(of: "\"", with: "")
            let headers = [
                "Content-Type": "text/\(echoed)", "Location": "http://h/\(echoed)", "Content-Encoding": "identity",
            ]
            let isAccepted = status == 202
            let body = isAccepted ? #"{"partialSuccess":{"rejectedDataPoints":1,"errorMessage":"\#(echoed)"}}"# : echoed
            return .response(status, headers: headers, body: Data(body.utf8))
        }
        defer { server.stop() }
        let instrumentation = instrument(configuration(server))
        instrumentation.forceFlush(timeout: .seconds(1))
        #expect(server.waitForRequests(3))
        instrumentation.shutdown(timeout: .seconds(1))
        #expect(!recorder.lines(.warning).isEmpty)
        #expect(isSilent(recorder.messages), "\(recorder.messages)")
        #expect(server.requests.contains { $0.headers.values.contains { $0.contains(Self.mark) } }, "they are sent")
    }

    @Test("against servers that answer with an encoding of that name, refuse, close and hang")
    func failures() throws {
        let encoded = LoopbackAnswer.response(200, headers: ["Content-Encoding": "header-\(Self.mark)"])
        for answer in [encoded, .close, .reset, .hang, .raw(Data("bearer-\(Self.mark)".utf8))] {
            let server = try LoopbackServer(always: answer)
            defer { server.stop() }
            let instrumentation = instrument(configuration(server))
            instrumentation.forceFlush(timeout: .milliseconds(500))
            instrumentation.shutdown(timeout: .milliseconds(500))
        }
        #expect(!recorder.messages.isEmpty)
        #expect(isSilent(recorder.messages), "\(recorder.messages)")
    }

    @Test("in values that can't be used, and in what describes, dumps or reflects a configuration")
    func descriptions() throws {
        let server = try LoopbackServer(always: .json("{}"))
        defer { server.stop() }
        let mark = Self.mark
        let unusable = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://user:\(mark)@host",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://\(mark)@:1",
            "OTEL_EXPORTER_OTLP_HEADERS": "\(mark),a=%zz\(mark),b=c%0d%0a\(mark)",
            "OLLAMA_BASE_URL": "gopher://u:\(mark)@h", "OLLAMA_HOST": "u:\(mark)@h:99999999",
            "GENAI_SERVER_METRICS_TARGETS": "http://u:\(mark)@h:0,ws://\(mark)@h,http://u:\(mark)@ h",
        ]
        for environment in [[:], unusable] {
            var configuration = configuration(server, environment)
            configuration.exporters = []
            instrument(configuration).shutdown()
            var dumped = ""
            dump(configuration, to: &dumped)
            let texts = [
                "\(configuration)", String(reflecting: configuration), dumped, "\(configuration.otlp)",
                "\(configuration.engines)", "\(configuration.ollama as Any)",
                String(reflecting: configuration.ollama), configuration.warnings.joined(),
            ]
            #expect(isSilent(texts), "\(texts.filter { $0.contains(mark) })")
        }
        #expect(isSilent(recorder.messages), "\(recorder.messages)")
        #expect(!recorder.lines(.warning).isEmpty)
    }
}
