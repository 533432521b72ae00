import Foundation
import GenAIOtel
import TestSupport
import Testing

@testable import GenAIOtel

@Suite("Configuration from the environment")
struct ConfigurationTests {
    @Test("an empty environment gives the documented defaults and no warning")
    func defaults() {
        let configuration = GenAIConfiguration(environment: [:])
        #expect(configuration.serviceName.hasPrefix("unknown_service:"))
        #expect(configuration.serviceName.count > "unknown_service:".count)
        #expect(configuration.resourceAttributes.isEmpty)
        #expect(!configuration.isDisabled)
        #expect(configuration.exporters == [.otlp])
        #expect(configuration.exportInterval == .seconds(60))
        #expect(configuration.exportTimeout == .seconds(30))
        #expect(configuration.otlp.endpoint.absoluteString == "http://localhost:4318/v1/metrics")
        #expect(configuration.otlp.headers.isEmpty)
        #expect(configuration.otlp.timeout == .seconds(10))
        #expect(configuration.otlp.compression == .none)
        #expect(configuration.otlp.temporality == .cumulative)
        #expect(configuration.otlp.certificateFile == nil)
        #expect(configuration.cardinalityLimit == 2000)
        #expect(configuration.logLevel == .info)
        #expect(configuration.warnings.isEmpty)
    }

    @Test("settings come from anywhere, by the names of their variables, and with the same warnings")
    func anySource() {
        let settings = [
            "OTEL_SERVICE_NAME": "chat", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318/x",
            "OLLAMA_HOST": "gpu-1", "GENAI_SERVER_METRICS_TARGETS": "gpu-2:8000", "GENAI_PROVIDER_NAME": "mine",
            "OTEL_METRIC_EXPORT_INTERVAL": "soon",
        ]
        let configuration = GenAIConfiguration { settings[$0] }
        let expected = GenAIConfiguration(environment: settings)
        #expect(configuration.serviceName == "chat")
        #expect(configuration.otlp.endpoint == expected.otlp.endpoint)
        #expect(configuration.ollama?.url == expected.ollama?.url)
        #expect(configuration.engines.map(\.url) == expected.engines.map(\.url))
        #expect(configuration.engines.count == 1)
        #expect(configuration.requests.providerName == "mine")
        #expect(configuration.warnings == expected.warnings)
        #expect(configuration.warnings.count == 1)
    }

    @Test("empty and blank values count as unset")
    func emptyIsUnset() {
        let names = [
            "OTEL_SDK_DISABLED", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_SERVICE_NAME", "OTEL_LOG_LEVEL", "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TIMEOUT",
        ]
        for blank in ["", "  "] {
            let configuration = GenAIConfiguration(
                environment: Dictionary(uniqueKeysWithValues: names.map { ($0, blank) })
            )
            #expect(configuration.warnings.isEmpty)
            #expect(configuration.exporters == [.otlp])
            #expect(configuration.otlp.certificateFile == nil)
            #expect(configuration.serviceName.hasPrefix("unknown_service:"))
        }
    }

    @Test(
        "the general endpoint is a base, the one for metrics is used as it is",
        arguments: [
            (["": "http://c:4318"], "http://c:4318/v1/metrics"),
            (["": "http://c:4318/"], "http://c:4318/v1/metrics"),
            (["": "https://c/base/path"], "https://c/base/path/v1/metrics"),
            (["": "https://c/base/"], "https://c/base/v1/metrics"),
            (["": "http://c:4318", "METRICS_": "http://m/x"], "http://m/x"),
            (["METRICS_": "http://m:1234"], "http://m:1234"),
            (["METRICS_": "http://[::1]:4318/p?q=1"], "http://[::1]:4318/p?q=1"),
            (["": "http://user:pass@c"], "http://user:pass@c/v1/metrics"),
        ]
    )
    func endpoint(values: [String: String], expected: String) {
        let environment = values.map { ("OTEL_EXPORTER_OTLP_\($0.key)ENDPOINT", $0.value) }
        let configuration = GenAIConfiguration(environment: Dictionary(uniqueKeysWithValues: environment))
        #expect(configuration.otlp.endpoint.absoluteString == expected)
        #expect(configuration.warnings.isEmpty)
    }

    @Test(
        "an endpoint that can't be used is ignored with a warning that does not show it",
        arguments: [
            "localhost:4318", "ftp://c", "http://", "http://s3cret@", "http://c:99999", "not a url", "://",
            "http://$(HOST_IP):4318", "http://127.0.0.1:9/x http://me:s3cret@127.0.0.1:9",
            "http://me:12/s3cret@127.0.0.1:9",
        ]
    )
    func badEndpoint(value: String) {
        let configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": value])
        #expect(configuration.otlp.endpoint.absoluteString == "http://localhost:4318/v1/metrics")
        #expect(configuration.warnings.count == 1)
        #expect(configuration.warnings.allSatisfy { $0.contains("OTEL_EXPORTER_OTLP_ENDPOINT") })
        #expect(configuration.warnings.allSatisfy { !$0.contains("s3cret") })
    }

    @Test(
        "the temporality preference is a word in any case; another word warns",
        arguments: [
            ("delta", OTLPConfiguration.Temporality.delta, 0), ("LowMemory", .lowMemory, 0),
            ("CUMULATIVE", .cumulative, 0), ("", .cumulative, 0), ("low_memory", .cumulative, 1),
        ]
    )
    func temporality(word: String, expected: OTLPConfiguration.Temporality, warnings: Int) {
        let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
        let configuration = GenAIConfiguration(environment: [name: word])
        #expect(configuration.otlp.temporality == expected)
        #expect(configuration.warnings.filter { $0.contains(name) }.count == warnings)
        #expect(configuration.warnings.count == warnings)
    }

    @Test("each OTLP setting has a form for metrics, which wins; a broken one falls back to the general form")
    func metricsForms() {
        let configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2000",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "brotli",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "b=2",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "/a", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": "/b",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/c", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY": "/k",
        ])
        #expect(configuration.otlp.timeout == .seconds(2))
        #expect(configuration.otlp.compression == .gzip)
        #expect(configuration.otlp.headers == ["b": "2"])
        #expect(configuration.otlp.certificateFile == "/b")
        #expect(configuration.otlp.clientCertificateFile == "/c")
        #expect(configuration.otlp.clientKeyFile == "/k")
        #expect(configuration.warnings.count == 1)
        #expect(configuration.warnings.first?.contains("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION") == true)
    }

    @Test(
        "headers: the first = splits, white space is trimmed, keys and values are percent-decoded",
        arguments: [
            ("api-key=abc", ["api-key": "abc"]),
            ("a=1,b=2", ["a": "1", "b": "2"]),
            (" a = 1 , b = 2 ,", ["a": "1", "b": "2"]),
            ("Authorization=Basic dXNlcjpwYXNz==", ["Authorization": "Basic dXNlcjpwYXNz=="]),
            ("a=x%2Cy%3Dz%20w", ["a": "x,y=z w"]),
            ("a=", ["a": ""]),
            ("a=1,a=2", ["a": "2"]), ("Api-Key=1,API-KEY=2", ["API-KEY": "2"]),
        ]
    )
    func headers(value: String, expected: [String: String]) {
        let configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_HEADERS": value])
        #expect(configuration.otlp.headers == expected)
        #expect(configuration.warnings.isEmpty)
    }

    @Test("a broken header entry costs that entry; the warning shows no value")
    func brokenHeaders() {
        let configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_HEADERS": "s3cret,a=1,=s3cret,b=%zzs3cret"
        ])
        #expect(configuration.otlp.headers == ["a": "1"])
        #expect(configuration.warnings.count == 3)
        #expect(
            configuration.warnings.allSatisfy { $0.contains("OTEL_EXPORTER_OTLP_HEADERS") && !$0.contains("s3cret") }
        )
    }

    @Test("names in any case are one header; code beats the environment, and what it adds beats nothing")
    func headerNames() {
        var configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=old,x=1"])
        configuration.otlp.headers["api-key"] = "new"
        #expect(configuration.validated().otlp.headers == ["api-key": "new", "x": "1"])
        configuration.otlp.headers["API-KEY"] = "newer"
        let headers = configuration.validated().otlp.headers
        #expect(headers.count == 2 && headers.values.allSatisfy { $0 != "old" })
        #expect(configuration.validated().otlp.headers == headers, "always the same one")
    }

    @Test("a header with a line break or NUL is refused", arguments: ["x%0d%0aEvil:%20y", "x%0Ay", "x%00y"])
    func headerInjection(value: String) {
        let configuration = GenAIConfiguration(environment: ["OTEL_EXPORTER_OTLP_HEADERS": "good=1,bad=\(value)"])
            .validated()
        #expect(configuration.otlp.headers == ["good": "1"])
        #expect(configuration.warnings.count == 1)
    }

    @Test(
        "booleans: only true in any case is true, others warn",
        arguments: [("true", true, 0), ("TRUE", true, 0), ("false", false, 0), ("1", false, 1), ("yes", false, 1)]
    )
    func disabled(value: String, expected: Bool, warnings: Int) {
        let configuration = GenAIConfiguration(environment: ["OTEL_SDK_DISABLED": value])
        #expect(configuration.isDisabled == expected)
        #expect(configuration.warnings.count == warnings)
    }

    @Test(
        "exporters",
        arguments: [
            ("otlp", [.otlp], 0), ("console", [.console], 0), ("none", [], 0), ("console, OTLP", [.console, .otlp], 0),
            ("prometheus", [.otlp], 1), ("zipkin,console", [.console], 1), ("none,console", [.console], 0),
        ] as [(String, [MetricsExporter], Int)]
    )
    func exporters(value: String, expected: [MetricsExporter], warnings: Int) {
        let configuration = GenAIConfiguration(environment: ["OTEL_METRICS_EXPORTER": value])
        #expect(configuration.exporters == expected)
        #expect(configuration.warnings.count == warnings)
    }

    @Test("milliseconds: positive integers; anything else warns and is ignored")
    func milliseconds() {
        let good = GenAIConfiguration(environment: [
            "OTEL_METRIC_EXPORT_INTERVAL": " 250 ", "OTEL_METRIC_EXPORT_TIMEOUT": "1",
        ])
        #expect(good.exportInterval == .milliseconds(250))
        #expect(good.exportTimeout == .milliseconds(1))
        for bad in ["0", "-5", "1.5", "abc", "1e3", "99999999999999999999999", "NaN", "5s"] {
            let configuration = GenAIConfiguration(environment: ["OTEL_METRIC_EXPORT_INTERVAL": bad])
            #expect(configuration.exportInterval == .seconds(60), "\(bad)")
            #expect(configuration.warnings.count == 1, "\(bad)")
        }
    }

    @Test(
        "a value that can't be used: the warning says what is used instead, whichever variable that comes from",
        arguments: [
            (["OTEL_SDK_DISABLED": "yes"], #"OTEL_SDK_DISABLED is "yes", neither "true" nor "false"; false is used"#),
            (
                ["OTEL_METRIC_EXPORT_INTERVAL": "5s"],
                #"OTEL_METRIC_EXPORT_INTERVAL is "5s", not a whole number of milliseconds from 1 to 31536000000; 60 s is used"#
            ),
            (
                ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500"],
                #"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is "0", not a whole number of milliseconds from 1 to 31536000000; 2.5 s is used"#
            ),
            (
                ["OTEL_METRICS_EXPORTER": "jaeger"],
                #"OTEL_METRICS_EXPORTER names "jaeger", not one of otlp, console, none; otlp is used"#
            ),
            (
                ["OTEL_METRICS_EXPORTER": "jaeger,console,otlp"],
                #"OTEL_METRICS_EXPORTER names "jaeger", not one of otlp, console, none; console and otlp is used"#
            ),
            (
                ["OTEL_METRICS_EXPORTER": "jaeger,none"],
                #"OTEL_METRICS_EXPORTER names "jaeger", not one of otlp, console, none; nothing is exported"#
            ),
            (
                [
                    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "c:1",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:s3cret@c?k=v",
                ],
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT does not begin with http:// or https://; http://c/v1/metrics is used"
            ),
            (
                ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"],
                #"OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", which is not supported; http/protobuf is used"#
            ),
            (
                ["OTEL_EXPORTER_OTLP_COMPRESSION": "br"],
                #"OTEL_EXPORTER_OTLP_COMPRESSION is "br", not one of none, gzip; none is used"#
            ),
            (
                ["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "x"],
                #"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION is "x", not one of explicit_bucket_histogram, base2_exponential_bucket_histogram; explicit_bucket_histogram is used"#
            ),
            (
                ["GENAI_LOG_LEVEL": "loud", "OTEL_LOG_LEVEL": "error"],
                #"GENAI_LOG_LEVEL is "loud", not one of debug, info, warning, warn, error, none, off, trace, verbose, fatal; error is used"#
            ),
            (
                ["OLLAMA_BASE_URL": "gpu:1", "OLLAMA_HOST": "me:s3cret@gpu:2"],
                "OLLAMA_BASE_URL does not begin with http:// or https://; http://gpu:2 is used"
            ),
            (["OLLAMA_HOST": "h:99999"], "OLLAMA_HOST has a port outside 1 to 65535; http://h:11434 is used"),
            (
                ["GENAI_OLLAMA_MAX_VRAM_GB": "0"],
                #"GENAI_OLLAMA_MAX_VRAM_GB is "0", not a number of GiB greater than 0; the amount is detected"#
            ),
            (
                ["GENAI_GPU_COLLECTION_INTERVAL": "0"],
                #"GENAI_GPU_COLLECTION_INTERVAL is "0", not a number of seconds greater than 0; 5 s is used"#
            ),
            (
                ["GENAI_SERVER_METRICS_TARGETS": "http://a,b"],
                "GENAI_SERVER_METRICS_TARGETS has an entry (number 2) that does not begin with http:// or https://; it is not polled"
            ),
            (
                ["OTEL_RESOURCE_ATTRIBUTES": "a"],
                "OTEL_RESOURCE_ATTRIBUTES has an entry (number 1) that is not key=value; it is left out"
            ),
        ]
    )
    func consequence(environment: [String: String], expected: String) {
        #expect(GenAIConfiguration(environment: environment).warnings == [expected])
    }

    @Test(
        "v1/metrics twice: where it comes from is said; the endpoint is used as it is",
        arguments: [
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/v1/metrics"], 1),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/v1/metrics/"], 1),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/v1/metrics", "OTEL_METRICS_EXPORTER": "none"], 0),
            (["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"], 0),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"], 0), ([:], 0),
        ]
    )
    func pathTwice(environment: [String: String], warnings: Int) {
        let configuration = GenAIConfiguration(environment: environment).validated()
        #expect(configuration.warnings.count == warnings)
        #expect(configuration.warnings.allSatisfy { $0.contains("ends in /v1/metrics/v1/metrics") })
    }

    @Test("service name: variable, then resource attribute; code wins over both")
    func serviceName() {
        var environment = ["OTEL_RESOURCE_ATTRIBUTES": "service.name=from-attributes,deployment.environment=a%20b"]
        #expect(GenAIConfiguration(environment: environment).serviceName == "from-attributes")
        environment["OTEL_SERVICE_NAME"] = "from-name"
        var configuration = GenAIConfiguration(environment: environment)
        #expect(configuration.serviceName == "from-name")
        #expect(configuration.resourceAttributes == ["deployment.environment": "a b"])
        #expect(Resource(configuration).text("service.name") == "from-name")
        #expect(Resource(configuration).text("deployment.environment") == "a b")
        configuration.serviceName = "from-code"
        #expect(Resource(configuration).text("service.name") == "from-code")
        configuration.resourceAttributes["service.name"] = "attribute-from-code"
        #expect(Resource(configuration).text("service.name") == "attribute-from-code")
        configuration.resourceAttributes = ["service.instance.id": "mine", "": "no key"]
        #expect(Resource(configuration).text("service.instance.id") == "mine")
        #expect(!Resource(configuration).attributes.contains { $0.key.isEmpty })
    }

    @Test(
        "log level: GENAI_LOG_LEVEL wins over OTEL_LOG_LEVEL",
        arguments: [("DEBUG", LogLevel?.some(.debug)), ("none", nil)]
    )
    func logLevel(value: String, expected: LogLevel?) {
        #expect(GenAIConfiguration(environment: ["OTEL_LOG_LEVEL": value]).logLevel == expected)
        let both = ["OTEL_LOG_LEVEL": "error", "GENAI_LOG_LEVEL": value]
        #expect(GenAIConfiguration(environment: both).logLevel == expected)
        #expect(GenAIConfiguration(environment: ["OTEL_LOG_LEVEL": "loud"]).warnings.count == 1)
    }

    @Test(
        "the protocol is a word in any case; gRPC warns, and protobuf is used",
        arguments: [
            ("http/json", .httpJSON, 0), ("", .httpJSON, 0), ("HTTP/Protobuf", .httpProtobuf, 0),
            ("grpc", .httpProtobuf, 1),
            ("x", .httpJSON, 1),
        ] as [(String, OTLPConfiguration.TransportProtocol, Int)]
    )
    func protocols(value: String, expected: OTLPConfiguration.TransportProtocol, warnings: Int) {
        for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] {
            let configuration = GenAIConfiguration(environment: [name: value])
            #expect(configuration.otlp.protocol == expected)
            #expect(configuration.warnings.count == warnings)
        }
        let words = [
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        ]
        #expect(GenAIConfiguration(environment: words).otlp.protocol == .httpProtobuf)
    }

    @Test("unusable values from code are replaced with a warning; endless ones are held to a year")
    func codeValues() {
        var configuration = GenAIConfiguration(environment: [:])
        configuration.exportInterval = .zero
        configuration.exportTimeout = .seconds(-3)
        configuration.otlp.timeout = .seconds(Int64.max)
        configuration.cardinalityLimit = 0
        configuration.otlp.headers = ["a b": "x", "": "y", "ok": "z\n", "fine": "v"]
        configuration.serviceName = ""
        let validated = configuration.validated()
        #expect(validated.exportInterval == .seconds(60))
        #expect(validated.exportTimeout == .seconds(30))
        #expect(validated.otlp.timeout == .seconds(365 * 86_400))
        #expect(validated.cardinalityLimit == 1)
        #expect(validated.otlp.headers == ["fine": "v"])
        #expect(validated.serviceName.hasPrefix("unknown_service:"))
        #expect(validated.warnings.count == 6)
    }

    @Test("descriptions and dumps show no secret")
    func secrets() {
        let configuration = GenAIConfiguration(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:s3cret@c/p?token=s3cret",
            "OTEL_EXPORTER_OTLP_HEADERS": "k=s3cret",
        ])
        var dumped = ""
        dump(configuration.otlp, to: &dumped)
        dump(configuration, to: &dumped)
        for text in [dumped, "\(configuration.otlp)", "\(configuration)", String(reflecting: configuration)] {
            #expect(!text.contains("s3cret"))
        }
    }

    @Test("random environments never trap, and never change what was not set")
    func fuzz() {
        var generator = SeededGenerator(seed: 42)
        let names = [
            "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRICS_EXPORTER", "OTEL_LOG_LEVEL", "OTEL_EXPORTER_OTLP_TIMEOUT",
        ]
        let alphabet = Array("a0=,%:/@[] \n\u{0}é🦙-.\"\\http")
        for _ in 0..<3_000 {
            let environment = names.map { name in
                let length = Int.random(in: 0..<24, using: &generator)
                return (name, String((0..<length).map { _ in alphabet.randomElement(using: &generator)! }))
            }
            let configuration = GenAIConfiguration(environment: Dictionary(uniqueKeysWithValues: environment))
                .validated()
            #expect(configuration.exportTimeout == .seconds(30))
            #expect(configuration.exportInterval > .zero)
            #expect(configuration.otlp.timeout > .zero)
            #expect(configuration.otlp.headers.values.allSatisfy { !$0.contains("\n") && !$0.contains("\0") })
        }
    }
}
