import Configuration
import Foundation
import GenAIOtel
import Synchronization
import Testing

@testable import Integrations

@Suite("swift-configuration")
struct ConfigReaderTests {
    @Test("each variable is a key, in the environment and in a file, and the first provider wins")
    func providers() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let json = """
            {
                "otel": {
                    "service": {"name": "of the file"},
                    "exporter": {"otlp": {"endpoint": "http://collector:4318", "headers": "api-key=secret"}},
                    "metric": {"export": {"interval": 15000}}
                },
                "genai": {
                    "enable": {"ollama": {"server": {"metrics": "false"}}},
                    "server": {"metrics": {"targets": ["http://gpu-1:8000", "http://gpu-2:8000"], "interval": 2.5}}
                }
            }
            """
        try Data(json.utf8).write(to: file)
        let environment = EnvironmentVariablesProvider(environmentVariables: ["OTEL_SERVICE_NAME": "chat"])
        let reader = ConfigReader(providers: [
            environment, try await FileProvider<JSONSnapshot>(filePath: .init(file.path())),
        ])
        let configuration = GenAIConfiguration(reader)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.serviceName == "chat")
        #expect(configuration.otlp.endpoint.absoluteString == "http://collector:4318/v1/metrics")
        #expect(configuration.otlp.headers == ["api-key": "secret"])
        #expect(configuration.exportInterval == .seconds(15))
        #expect(configuration.ollama == nil)
        #expect(configuration.engines.map(\.url.absoluteString) == ["http://gpu-1:8000", "http://gpu-2:8000"])
        #expect(configuration.engines.map(\.interval) == [.seconds(2.5), .seconds(2.5)])
    }

    @Test("a value that can't be used gives the same warning as its variable")
    func warning() {
        let reader = ConfigReader(provider: InMemoryProvider(values: ["otel.metric.export.interval": "soon"]))
        let expected = GenAIConfiguration(environment: ["OTEL_METRIC_EXPORT_INTERVAL": "soon"]).warnings
        #expect(GenAIConfiguration(reader).warnings == expected)
        #expect(expected.count == 1)
    }

    @Test("no report of what was read holds a value")
    func secrets() {
        let reporter = Reporter()
        let provider = InMemoryProvider(values: ["otel.exporter.otlp.headers": "authorization=s3cret"])
        let configuration = GenAIConfiguration(ConfigReader(provider: provider, accessReporter: reporter))
        #expect(configuration.otlp.headers == ["authorization": "s3cret"])
        let lines = reporter.lines.withLock { $0 }
        #expect(lines.contains { $0.contains("otel.exporter.otlp.headers") })
        #expect(!lines.contains { $0.contains("s3cret") })
    }

    private final class Reporter: AccessReporter {
        let lines = Mutex<[String]>([])

        func report(_ event: AccessEvent) { lines.withLock { $0.append("\(event)") } }
    }
}
